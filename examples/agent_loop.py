"""An agent with two users, a tool and a budget, entirely over REST.

    python examples/agent_loop.py --url http://127.0.0.1:8420 --key KEY

Each turn stores the user's message, gets the next prompt from kgmem, reserves the tokens of the call, calls the model,
and settles what was used. The model is a script, so that the example runs anywhere; put the API of yours in its place.
"""

import argparse
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

AGENT = "travel-agent"
ANSWER_TOKENS = 100  # Reserved for an answer, whose length is not known before.


class Refused(Exception):
    """The server refused a request; `args[0]` is its answer (RFC 9457)."""


class Server:
    """JSON requests to one graph of a kgmem server."""

    def __init__(self, url: str, key: str, graph: str) -> None:
        self.base = f"{url.rstrip('/')}/v1/graphs/{graph}"
        self.key = key

    def request(self, verb: str, path: str, body: object = None, **query: object) -> Any:
        url = self.base + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        sent = urllib.request.Request(url, body if body is None else json.dumps(body).encode(), headers, method=verb)
        try:
            with urllib.request.urlopen(sent, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read())) from error


def trains(to: str) -> str:
    """The tool that the model may call."""
    return f"The next train to {to} departs at 9:40 and costs 120 EUR."


def model(prompt: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the next message, as the API of a model would: its text, or the call of a tool."""
    last = messages[-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"I found one. {last['content']}"}
    if wanted := re.search(r"train to (\w+)", last["content"]):
        function = {"name": "trains", "arguments": json.dumps({"to": wanted[1]})}
        return {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    if asked := re.search(r"Where does (?:my sister )?(\w+) live\?", last["content"]):
        known = re.search(rf"{asked[1]} lives in (\w+)", prompt)  # All that the model knows is in the prompt.
        return {"role": "assistant", "content": f"In {known[1]}." if known else "You have not told me."}
    return {"role": "assistant", "content": "I will remember that."}


class Agent:
    """The loop for one user, whose scope has the sessions, the memory and the budget."""

    def __init__(self, server: Server, user: str, tokens: int, run: str) -> None:
        self.server, self.user, self.run, self.calls = server, user, run, 0
        self.scope = f"user/{user.lower()}"
        accounts = {"grant": ("income", {}), "budget": ("budget", {"hard_min": "0"}), "model-calls": ("expense", {})}
        for name, (kind, limits) in accounts.items():
            account = {"kind": kind, "unit": "tokens", "scale": 0, "limits": limits}
            server.request("PUT", f"/ledger/accounts/{name}", account, scope=self.scope)
        entries = [{"account": "grant", "amount": str(-tokens)}, {"account": "budget", "amount": str(tokens)}]
        body = {"entries": entries, "idempotency_key": f"grant-{run}"}
        server.request("POST", "/ledger/transactions", body, scope=self.scope)

    def open(self, session: str) -> None:
        self.session = f"{session}-{self.run}"
        details = {"agent": AGENT, "users": [self.user]}
        self.server.request("PUT", f"/sessions/{self.session}", details, scope=self.scope)

    def append(self, message: dict[str, Any]) -> None:
        self.server.request("POST", f"/sessions/{self.session}/messages", {"messages": [message]}, scope=self.scope)

    def turn(self, text: str) -> str:
        """Answer one message of the user; a turn may take several calls of the model."""
        print(f"{self.user}: {text}")
        messages = [{"role": "user", "content": text, "name": self.user}]
        self.append(messages[-1])
        while True:
            try:
                said = self.call(messages)
            except Refused as refused:
                problem = refused.args[0]
                if problem["type"] != "urn:kgmem:error:limit-reached":
                    raise
                left = problem["facts"]["available"]
                said = {"role": "assistant", "content": f"The budget is used up: {left} tokens are left."}
            self.append(said)
            messages.append(said)
            for call in said.get("tool_calls", []):
                result = trains(**json.loads(call["function"]["arguments"]))
                print(f"  {call['function']['name']}: {result}")
                messages.append({"role": "tool", "tool_call_id": call["id"], "name": "trains", "content": result})
                self.append(messages[-1])
            if messages[-1]["role"] == "assistant":
                print(f"{AGENT}: {said['content']}")
                return str(said["content"])

    def call(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Call the model with the context of the session, within the budget."""
        context = self.server.request("GET", f"/sessions/{self.session}/context", scope=self.scope, budget=600)
        self.calls += 1
        most = context["tokens"] + ANSWER_TOKENS
        wanted = {"from": "budget", "to": "model-calls", "amount": str(most), "seconds": 600}
        about = {"agent": AGENT, "session": self.session, "idempotency_key": f"{self.session}-{self.calls}"}
        hold = self.server.request("POST", "/ledger/holds", wanted | about, scope=self.scope)
        said = model(context["text"], messages)
        used = context["tokens"] + min(len(json.dumps(said)) // 4, ANSWER_TOKENS)
        self.server.request("POST", f"/ledger/holds/{hold['id']}/settle", {"amount": str(used)}, scope=self.scope)
        return said


def main() -> None:
    parser = argparse.ArgumentParser(description="An agent with two users, a tool and a budget.")
    parser.add_argument("--url", default="http://127.0.0.1:8420")
    parser.add_argument("--key", required=True, help="an admin's key: kgmem key create")
    parser.add_argument("--graph", default="agent-loop", help="made where it is not there")
    options = parser.parse_args()
    server = Server(options.url, options.key, options.graph)
    server.request("PUT", "", {})
    run = uuid.uuid4().hex[:8]  # Sessions, grants and calls of each run have names of their own.
    ada, ben = Agent(server, "Ada", 3000, run), Agent(server, "Ben", 250, run)
    ada.open("ada-1")
    ada.turn("My sister Clara lives in Lisbon.")
    ada.turn("Find me a train to Lisbon.")
    ada.open("ada-2")  # A new session: what follows comes from the memory.
    ada.turn("Where does Clara live?")
    ben.open("ben-1")  # Another scope: nothing of Ada's conversations is seen from here.
    for text in ("Where does Clara live?", "I like window seats.", "I like night trains.", "I pay by card."):
        ben.turn(text)
    for agent in (ada, ben):
        budget = server.request("GET", "/ledger/accounts/budget", scope=agent.scope)
        print(f"{agent.user}: {agent.calls} calls, {budget['balance']['available']} tokens left")
    checked = server.request("POST", "/ledger/verify", {"anchors": []})
    print(f"The ledger has {checked['records']} records and is {'intact' if checked['ok'] else 'damaged'}.")


if __name__ == "__main__":
    main()

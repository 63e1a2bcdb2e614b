"""Three agents that disagree and converge, entirely over REST.

    python examples/agent_team.py --url http://127.0.0.1:8420 --key KEY

Scout, clerk and auditor share a scope, each with a key of its own, and each agent is a source. They claim different
delivery times of a supplier. Consensus shows the conflict; each agent records what it would decide; then they look
again at their evidence until the fact is settled, and the decisions that rested on withdrawn claims are found.
"""

import argparse
import json
import urllib.parse
import urllib.request
from typing import Any

SCOPE = "team/purchasing"
SUBJECT, PREDICATE = "acme", "delivery_days"
FIRST = {"scout": "14", "clerk": "21", "auditor": "14"}


class Server:
    """JSON requests to a kgmem server with one key."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url.rstrip("/") + "/v1", key

    def request(self, verb: str, path: str, body: object = None, **query: object) -> Any:
        url = self.url + path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        sent = urllib.request.Request(url, content, headers, method=verb)
        with urllib.request.urlopen(sent, timeout=60) as answer:
            return json.loads(answer.read() or b"null")


class Agent:
    """One agent: its key writes into the team's scope only, and its claims have its name as source."""

    def __init__(self, admin: Server, graph: str, name: str) -> None:
        key = {"name": name, "role": "writer", "graph": graph, "scope": SCOPE}
        self.server = Server(admin.url.removesuffix("/v1"), admin.request("POST", "/keys", key)["secret"])
        self.graph, self.name = f"/graphs/{graph}", name
        self.claim_id = 0

    def claim(self, days: str, confidence: float) -> None:
        """Claim a delivery time; what the agent claimed before is withdrawn."""
        claim = {
            "source": self.name, "subject": SUBJECT, "predicate": PREDICATE, "value": days, "confidence": confidence,
            "scope": SCOPE,
        }  # fmt: skip
        former = self.claim_id
        made = self.server.request("POST", f"{self.graph}/claims", {"claims": [claim]})
        self.claim_id = made["ids"][0]
        if former and former != self.claim_id:
            self.server.request("DELETE", f"{self.graph}/claims", id=former, scope=SCOPE)
        print(f"{self.name} claims {days} days")

    def facts(self) -> list[dict[str, Any]]:
        found = self.server.request("GET", f"{self.graph}/facts", subject=SUBJECT, predicate=PREDICATE, scope=SCOPE)
        return [each for each in found["facts"] if each["state"] in {"verified", "contested", "unverified"}]

    def decide(self, key: str, chosen: str, probability: float) -> None:
        """Record what the agent would do, resting on its claim."""
        body = {
            "key": key, "agent": self.name, "decision": f"Order {chosen} days ahead.", "chosen": chosen,
            "options": [{"name": "14"}, {"name": "21"}], "expected": "The parts arrive in time.",
            "probability": probability, "evidence": [{"type": "claim", "id": self.claim_id}],
        }  # fmt: skip
        self.server.request("POST", f"{self.graph}/decisions", body, scope=SCOPE)
        print(f"{self.name} decides to order {chosen} days ahead ({probability:.0%} sure)")


def show(agent: Agent) -> str:
    """Print what the team believes; returns the state of the fact."""
    facts = agent.facts()
    for fact in facts:
        print(f"  the team's knowledge: {fact['value']} days, {fact['state']}, probability {fact['probability']:.2f}")
    return "contested" if any(each["state"] == "contested" for each in facts) else facts[0]["state"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Three agents that disagree and converge.")
    parser.add_argument("--url", default="http://127.0.0.1:8420")
    parser.add_argument("--key", required=True, help="an admin's key: kgmem key create")
    parser.add_argument("--graph", default="agent-team", help="made where it is not there")
    options = parser.parse_args()
    admin = Server(options.url, options.key)
    graph = f"/graphs/{options.graph}"
    admin.request("PUT", graph, {"schema": {"predicates": {PREDICATE: {"functional": True}}}})
    trust = {"scout": 0.6, "clerk": 0.6, "auditor": 0.7}
    sources = [{"key": name, "kind": "agent", "trust": value} for name, value in trust.items()]
    admin.request("PUT", f"{graph}/sources", {"sources": sources})
    scout, clerk, auditor = team = [Agent(admin, options.graph, name) for name in FIRST]

    print("Round 1: each agent claims what it has read.")
    scout.claim(FIRST["scout"], 0.7)
    clerk.claim(FIRST["clerk"], 0.9)
    before = show(scout)
    for agent in (scout, clerk):
        agent.decide(f"first-{agent.name}", FIRST[agent.name], 0.6)

    print("Round 2: the auditor joins, and the clerk finds that its price list is of last year.")
    auditor.claim(FIRST["auditor"], 0.9)
    show(scout)
    clerk.claim("14", 0.8)
    after = show(scout)
    print(f"The team has converged: {before} -> {after}.")

    states = ["retracted", "superseded", "gone"]
    found = scout.server.request("GET", f"{graph}/decisions", scope=SCOPE, evidence=states)
    for each in found["decisions"]:
        print(f"To decide again, since its evidence was withdrawn: {each['key']} of {each['agent']}")
        next(agent for agent in team if agent.name == each["agent"]).decide(f"second-{each['agent']}", "14", 0.9)

    for key, outcome in (("first-scout", "yes"), ("first-clerk", "no"), ("second-clerk", "yes")):
        result = {"outcome": outcome, "by": "warehouse"}
        scout.server.request("PUT", f"{graph}/decisions/{key}/outcome", result, scope=SCOPE)
    for agent in (scout, clerk):
        score = scout.server.request("GET", f"{graph}/agents/{agent.name}/calibration", scope=SCOPE)
        print(f"{agent.name}: Brier score {score['brier']:.2f} over {score['resolved']} decisions")


if __name__ == "__main__":
    main()

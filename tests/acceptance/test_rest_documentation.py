"""The examples of docs/rest.md, sent in their order to a fresh server."""

import re
import shlex
from pathlib import Path

import httpx

from kgmem_api.wire.recall import AnswerOut
from tests.rest import Door

REST = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def commands() -> list[list[str]]:
    """Give the curl commands of the page, as a shell would split them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", REST, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.split(r"\n(?=curl )", block.replace("\\\n", " ").strip())]
    return [shlex.split(line)[1:] for line in lines]


async def send(door: Door, words: list[str], variables: dict[str, str]) -> httpx.Response:
    """Do what curl would, with the fixture's key."""
    method, address, body, headers = "GET", "", None, {}
    rest = iter(words)
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        else:
            address = word
    headers.pop("Authorization", None)
    for name, value in variables.items():
        address = address.replace(f"${name}", value)
    assert "$" not in address, address
    return await door.client.request(method, address, headers=headers, content=body)


async def test_the_examples_of_the_page_work_in_their_order(door: Door) -> None:
    variables = {"KGMEM": ""}
    for words in commands():
        answer = await send(door, words, variables)
        assert answer.status_code < 400, (words, answer.text)
        address = str(answer.request.url)
        if "-X" in words and address.endswith("/relationships"):
            variables["RELATIONSHIP"] = str(answer.json()["ids"][0])
        elif address.endswith("/jobs") and "-X" in words:
            variables["JOB"] = str(answer.json()["job"])
        elif address.endswith("/keys") and "-X" in words:
            variables["KEY_ID"] = answer.json()["id"]
        elif address.endswith("/recall"):
            assert AnswerOut.model_validate(answer.json()).hits[0].key in {"log/1", "place/tranquility"}
    assert len(commands()) > 30

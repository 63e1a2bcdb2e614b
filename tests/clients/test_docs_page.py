"""The documentation page in a browser: it loads from the server alone, and its "Try it out" sends requests."""

import json
from pathlib import Path

import pytest

from kgmem.memory import Memory
from tests.clients import browser

pytestmark = pytest.mark.slow

# What the page is asked: the operation that is opened, and the text of its answer once that is there.
_OPENED = """(() => {{
  const operation = document.querySelector('[id$="-{operation}"]')
  if (!operation) return null
  const closed = operation.querySelector('.opblock-summary-control[aria-expanded="false"]')
  if (closed) {{ closed.click(); return null }}
  return operation.querySelector('button.execute') !== null
}})()"""
_ANSWER = """(() => {
  const live = document.querySelector('.live-responses-table .response')
  return live && live.querySelector('.response-col_status').innerText + ' ' + live.innerText
})()"""
_AUTHORIZE = """(() => {{
  const field = document.querySelector('.auth-container input')
  if (!field) {{ document.querySelector('button.authorize').click(); return null }}
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, {key})
  field.dispatchEvent(new Event('input', {{ bubbles: true }}))
  document.querySelector('.auth-container button.authorize').click()
  return true
}})()"""
_GROUP = """document.querySelector('.opblock-tag[data-tag="{tag}"] button.expand-operation').click()"""
_LOADED = "performance.getEntriesByType('resource').map((each) => each.name)"
_EXECUTE = "document.querySelector('button.execute').click()"


async def test_the_page_loads_and_sends_requests(memory: Memory, address: str, tmp_path: Path) -> None:
    _, key = await memory.keys.create("page", "reader")
    async with browser.opened(f"{address}/docs", tmp_path / "browser") as page:
        assert await page.awaited("document.querySelectorAll('.opblock-tag').length > 25")
        await page.value(_GROUP.format(tag="graphs"))
        assert await page.value("document.querySelector('.errors-wrapper')") is None
        loaded = await page.value(_LOADED)
        assert {Path(each).name for each in loaded} >= {"swagger-ui-bundle.js", "swagger-ui.css", "openapi.json"}
        assert all(each.startswith((f"{address}/", "data:")) for each in loaded), loaded
        operation = _OPENED.format(operation="list_graphs")
        assert await page.awaited(operation)
        await page.value(_EXECUTE)
        assert (await page.awaited(_ANSWER)).startswith("401")
        assert await page.awaited(_AUTHORIZE.format(key=json.dumps(key)))
        await page.value("document.querySelector('.auth-container .btn-done, .modal-btn.btn-done').click()")
        await page.value(_EXECUTE)
        answer = await page.awaited(
            f"(() => {{ const text = {_ANSWER}; return text && text.startsWith('200') && text }})()"
        )
        assert '"name": "main"' in answer

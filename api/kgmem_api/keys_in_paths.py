"""Keys in addresses: the last part of a path takes any key, whatever characters it has once they are decoded."""

from starlette.convertors import Convertor, register_url_convertor


class KeyConvertor(Convertor[str]):
    """Takes what is left of a path: slashes and, unlike Starlette's own `path`, line breaks too."""

    regex = r"(?s:.+)"

    def convert(self, value: str) -> str:
        """Give the key as it stands in the decoded path."""
        return value

    def to_string(self, value: str) -> str:
        """Give the key as it stands in a path that is not encoded yet."""
        return value


register_url_convertor("key", KeyConvertor())
KEY = "{key:key}"  # The end of a route's address.

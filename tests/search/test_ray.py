"""The engine of Ray, where it is installed (`pip install archdsl[ray]`)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import archdsl
from archdsl import SpecError
from trial_search import journal, plugin, seen, spec

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'archdsl[ray]'"),
    pytest.mark.filterwarnings("default"),  # Ray's own
]


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with plugin(tmp_path) as found:
        yield found


def listening() -> set[str]:
    """Addresses, in hexadecimal, on which sockets of this machine listen."""
    text = "".join(Path("/proc/net", name).read_text() for name in ("tcp", "tcp6"))
    return {words[1] for line in text.splitlines() if (words := line.split())[3] == "0A"}


def is_loopback(address: str) -> bool:
    host = address.partition(":")[0]
    return host.endswith("0100007F") or host == "0" * 24 + "01000000"


@pytest.mark.slow
def test_a_search_on_ray_has_the_same_journal_and_opens_no_port_beyond_this_machine(trouble: Path) -> None:
    archdsl.search(spec(), folder="whole")
    (trouble / "seen").unlink()
    (trouble / "kill-3").write_bytes(b"1")
    (trouble / "exit-4").write_bytes(b"22")
    before, opened = listening(), set()
    archdsl.search(
        spec(), folder="ray", engine="ray", workers=2, report=lambda now: opened.update(listening() - before)
    )
    assert journal(Path("ray")) == journal(Path("whole"))
    assert [seen(trouble).count(n) for n in (2, 3, 4)] == [1, 2, 3]
    assert opened
    assert [address for address in opened if not is_loopback(address)] == []


def test_a_cluster_that_does_not_answer_is_named_at_once(trouble: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SpecError, match="ARCH956") as error:
            archdsl.search(spec(), folder="a", engine=f"ray://{address}")
    assert error.value.diagnostics[0].headline == f"no Ray cluster found at {address}"

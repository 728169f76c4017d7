"""Settings of `--data` that nothing would read are refused."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.cli import run
from archdsl.data.source import parse_data
from archdsl.diagnostics import SpecError

SPEC = """arch 1
network N(; classes = 11) {
  input image: [3, 32, 64]
  output y = image -> conv(c = classes, k = 1)
}
"""


@pytest.mark.parametrize("setting", ["batch=2", "crop=32x32", "scale=[0.5, 1]", "flip=false"])
def test_settings_of_searches_are_refused_by_train_and_eval(setting, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.arch").write_text(SPEC)
    data = f"synthetic:images=4,size=32x64,{setting}"
    assert run(["train", "n.arch", "--data", data, "-o", "run"]) == 1
    assert "--batch, --crop" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    with pytest.raises(SpecError, match="ARCH906"):
        archdsl.train("n.arch", data)
    module = archdsl.compile("n.arch")
    with pytest.raises(SpecError, match="ARCH906"):
        archdsl.evaluate(module, data)


@pytest.mark.parametrize("text", ["folder:a,path=b", "synthetic:images=4,images=5"])
def test_a_setting_is_given_once(text):
    with pytest.raises(SpecError, match="set twice"):
        parse_data(text)

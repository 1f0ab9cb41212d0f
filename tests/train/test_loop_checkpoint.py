"""Checkpoints: two are kept, a damaged one is passed over, and nothing half-written is ever seen."""

import shutil
from pathlib import Path

import pytest
import torch

from effviz.errors import WeightsError
from effviz.train import loop

CPU = torch.device("cpu")


def state(step: int) -> loop.CheckpointState:
    return {"step": step, "weights": torch.full((3,), float(step))}


def test_the_last_two_are_kept_and_the_newest_is_loaded(tmp_path: Path) -> None:
    for step in (1, 5, 12):
        loop.save_checkpoint(tmp_path, step, state(step))
    assert [path.name[:14] for path in sorted(tmp_path.glob("*"))] == ["step-000000005", "step-000000012"]
    loaded = loop.load_checkpoint(tmp_path, CPU)
    assert loaded is not None
    assert loaded["step"] == 12
    assert loaded["weights"].tolist() == [12.0] * 3


def test_a_damaged_one_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loop.save_checkpoint(tmp_path, 1, state(1))
    newest = loop.save_checkpoint(tmp_path, 2, state(2))
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    loaded = loop.load_checkpoint(tmp_path, CPU)
    assert loaded is not None
    assert loaded["step"] == 1
    assert "is damaged" in caplog.text


def test_if_all_are_damaged_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    for step in (1, 2):
        path = loop.save_checkpoint(tmp_path, step, state(step))
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="Remove the folder to start anew"):
        loop.load_checkpoint(tmp_path, CPU)


def test_an_interrupted_writing_is_not_taken_for_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.save_checkpoint(tmp_path, 1, state(1))

    def die(what: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", die)
        with pytest.raises(KeyboardInterrupt):
            loop.save_checkpoint(tmp_path, 2, state(2))
    loaded = loop.load_checkpoint(tmp_path, CPU)
    assert loaded is not None
    assert loaded["step"] == 1


def test_a_folder_without_any_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert loop.load_checkpoint(tmp_path / "nowhere", CPU) is None
    assert not loop.has_checkpoint(tmp_path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    loop.save_checkpoint(tmp_path, 1, {"trap": Path("/")})  # any class beyond tensors and plain values
    with pytest.raises(Exception, match="Weights only load failed"):
        loop.load_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize("damage", ["flip", "zero", "truncate", "swap", "folder"])
def test_an_outcome_that_was_changed_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    for key in ("width", "depth"):
        loop.keep_outcome(tmp_path / key, f"{key} of a plan", {"top1_pct": 61.25, "right": [1, 0, 1, 1]})
    assert loop.kept_outcome(tmp_path / "width", "width of a plan") == {"top1_pct": 61.25, "right": [1, 0, 1, 1]}
    file = tmp_path / "width" / "outcome.json"
    known = file.read_bytes()
    match damage:
        case "flip":
            file.write_bytes(known.replace(b"61.25", b"61.26"))
        case "zero":
            file.write_bytes(bytes(len(known)))
        case "truncate":
            file.write_bytes(known[:-9])
        case "swap":
            shutil.copy(tmp_path / "depth" / "outcome.json", file)
        case "folder":
            file.unlink()
            file.mkdir()
    assert loop.kept_outcome(tmp_path / "width", "width of a plan") is None
    assert caplog.messages == [f"{file} is damaged or of another training: this network is trained again."]
    assert loop.kept_outcome(tmp_path / "nothing", "width of a plan") is None
    assert len(caplog.messages) == 1

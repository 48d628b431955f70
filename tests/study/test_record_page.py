"""The page of the record: its commands run in order, as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from monolayer.cli import VERBS
from monolayer.cli import _exit_code as cli

PAGE = (Path(__file__).parents[2] / "docs" / "record.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines()
]  # fmt: skip


def test_commands_of_the_page_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words: list[str] = []

    def typed(prompt: str) -> str:
        who = prompt.removesuffix(": ").split()[-1]
        words.append(words[-1] if who == "again" else f"{who}'s own pass word")
        return words[-1]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", typed)
    said = {}
    for command in COMMANDS:
        assert cli(shlex.split(command)[1:]) == 0, command
        said[command] = capsys.readouterr().out
    assert len(said) == len(COMMANDS) >= 24
    assert "rita (Rita Maas): reviewer, can sign" in said["monolayer person list study.db"]
    assert ": approved, author olga, reviewer rita, approver anna, " in said[COMMANDS[13]]
    assert "V-017: nothing was recommended yet." in said["monolayer dispose study.db V-017"]
    assert "V-017: HOLD (overridden), by olga (operator)." in said[COMMANDS[16]]
    lot = said["monolayer sign study.db lot L1"]
    assert re.match(r"Anna Falk \(anna, approver\), .* UTC \(local .*\), approval, lot L1 ", lot)
    verified = said["monolayer audit verify study.db"]
    assert "entries as they were written, 5 of 5 signatures stand" in verified
    shown = said["monolayer audit show study.db --subject V-017"]
    assert "olga (operator)  add vessels V-017: " in shown
    assert "cells look round" in shown
    assert words
    everything = "".join(said.values()) + (tmp_path / "trail/audit.jsonl").read_text()
    assert "pass word" not in everything


def test_the_page_names_verbs_that_are_there() -> None:
    assert {shlex.split(command)[1] for command in COMMANDS} <= VERBS.keys()


@pytest.mark.parametrize("claim", ["compliant", "is validated", "complies with 21", "certified"])
def test_nothing_claims_compliance(claim: str) -> None:
    assert claim not in PAGE


def test_passwords_by_descriptor_and_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    def call(command: str, lines: str | None = None) -> tuple[int, str]:
        arguments = shlex.split(command)
        if lines is None:
            code = cli(arguments)
        else:
            (tmp_path / "words").write_text(lines)
            with (tmp_path / "words").open() as file:
                code = cli([*arguments, "--password-fd", str(file.fileno())])
        captured = capsys.readouterr()
        return code, captured.err or captured.out

    assert call("study init study.db --as anna")[0] == 0
    code, said = call("person password study.db --as anna")
    assert (code, said) == (
        2, "monolayer: there is no terminal to ask for a password on; give --password-fd.\n",
    )  # fmt: skip
    assert "differ; nothing was changed" in call(
        "person password study.db --as anna", "annas first word\nannas frist word\n"
    )[1]  # fmt: skip
    assert (
        "12 characters or more" in call("person password study.db --as anna", "short\nshort\n")[1]
    )
    word = "annas first word\n"
    assert call("person password study.db --as anna", word * 2)[0] == 0
    assert "has no line for this: Password of anna" in call(
        "person add study.db bo --printed-name Bo --role operator --as anna", ""
    )[1]  # fmt: skip
    assert "anna must give a password" not in call("person list study.db")[1]
    refused = call("study add study.db people name=eve printed_name=Eve roles=approver --as anna")
    assert (refused[0], "by 'monolayer person add'" in refused[1]) == (2, True)
    refused = call("study add study.db documents kind=recipe status=approved --as anna")
    assert (refused[0], "is not added by hand" in refused[1]) == (2, True)
    assert "did you mean 'anna'" in call("person password study.db ana --as anna", word * 3)[1]
    assert "is no person of this study" in call("person password study.db --as eve", word * 3)[1]
    added = call("person add study.db bo --printed-name Bo --role operator --as anna", word)
    assert added == (0, "bo (Bo) is operator.\n")
    both = "--role operator --role reviewer --as anna"
    assert call(f"person roles study.db bo {both}", word) == (0, "bo is operator and reviewer.\n")
    assert call("person leave study.db bo --as anna", word) == (0, "bo has left.\n")
    assert "cannot be read; open it with 999<FILE" in call(
        "sign study.db lot L1 --meaning review --as anna --password-fd 999"
    )[1]  # fmt: skip
    assert call("sign study.db lot L1")[1] == "lot L1: nobody has signed.\n"
    assert "is not one document" in call("document show study.db recipe MSC")[1]
    assert "No recipe is in study.db" in call("document show study.db recipe")[1]
    assert call("audit verify study.db")[0] == 0

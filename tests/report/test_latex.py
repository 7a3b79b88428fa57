import re
import shutil
import subprocess

import pytest

from fgsgl.report.board.board import read_board
from fgsgl.report.render.latex import latex, latex_text

HOSTILE = ("[50% of $x_1$ & \\input{/etc/passwd} #1 ~^ {|<a>\"'`}", "--- 手 ½ Größe Ångström", "\\end{table}\x07")
BARE = re.compile(r"(?<!\\)[&%$#_{}~^]")


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("50 % & more_of #1", r"50 \% \& more\_of \#1"),
        ("$x^2$ {a~b}", r"\$x\textasciicircum{}2\$ \{a\textasciitilde{}b\}"),
        (r"\input{a}", r"\textbackslash{}input\{a\}"),
        ("−1 ± 2 – a < b", r"$-$1 $\pm$ 2 \textendash{} a $<$ b"),
        ("a -- b --- c", "a -{}- b -{}-{}- c"),
        ("Größe, naïve, Ångström", r"Gr" + "ö" + r"\ss{}e, naïve, Ångström"),
        ("手½\n", "[U+624B][U+00BD] "),
    ],
)
def test_text_is_escaped(text, escaped):
    assert latex_text(text) == escaped


def hostile_board(ledger):
    ledger.fill(seeds=3)
    for number in range(20):
        ledger.add("=evil", 1.0 + 0.1 * number, f"{number}", name=HOSTILE[number % len(HOSTILE)])
    return read_board(ledger.folder)


def test_every_row_is_one_line_and_the_note_stands_under_the_table(ledger):
    board = hostile_board(ledger)
    text = latex(board)
    rows = [line for line in text.splitlines() if line.startswith(r"\raggedright ")]
    assert len(rows) == len(board.table)
    for line in rows:
        bare = line.replace(r"$-$", "").replace(r"$\pm$", "").replace("$<$", "").replace("$>$", "").replace("$|$", "")
        assert BARE.findall(bare.replace("{}", "")) == ["&"] * 6 and line.endswith(r"\tabularnewline")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2, "of at most 20 rows"
    last = text.rsplit(r"\end{tabular}", 1)[1]
    assert all(latex_text(sentence) in last for sentence in board.notes)
    assert "with n = 3 seeds the smallest p is 0.25" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX engine (Debian: texlive-latex-recommended)")
def test_it_compiles_in_a_plain_article(ledger):
    board = hostile_board(ledger)
    (ledger.folder / "leaderboard.tex").write_text(latex(board), encoding="utf-8")
    (ledger.folder / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{leaderboard}\\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    answer = subprocess.run(command, cwd=ledger.folder, capture_output=True, text=True, errors="replace")
    assert answer.returncode == 0, answer.stdout[-2000:]
    assert (ledger.folder / "paper.pdf").stat().st_size > 10_000

"""Whether FG-Text keeps its rules: what a researcher would have to find by reading every sentence."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from fgsgl.text.draft import is_draft
from fgsgl.text.fgtext import DIMENSIONS, ClassText, FGText


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAX_WORDS = 25
SIDE_WORDS = _words("""
    left right leftward rightward leftwards rightwards lefthand righthand clockwise anticlockwise counterclockwise
""")
"""A horizontal flip is one of the augmentations, and would make a sentence with one of these words untrue."""
FEELING_WORDS = _words("""
    afraid aggressive angry annoyed anxiety anxious ashamed bored boredom calm cheerful comfort comforting comfortable
    concentrated concentrating confident confused defensive deliberately discomfort disgust doubt doubtful embarrassed
    emotion emotional excited fear fearful feel feeling feels friendly frustrated happy hesitant hope hopes impatient
    insecure intend intends intention intentionally joy lonely mood nervous nervously proud purpose relaxed relief
    relieved sad scared shame shy soothe soothing stress stressed surprised tense tension thinking thinks thoughtful
    tired tries trying uncomfortable uneasy unhappy upset want wants worried worry
""")
"""FG-Text describes what is seen; what a person feels or means is not seen."""
_NAME_FILLERS = _words("a an and of or other some than the their with")


class Tokenizer(Protocol):
    """The part of open_clip's ``SimpleTokenizer`` that is used here."""

    context_length: int

    def encode(self, text: str) -> list[int]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A rule that a text breaks, and where."""

    class_id: int
    kind: str = ""
    """``prompt`` or a dimension; empty: the class as a whole."""
    index: int | None = None
    """Of the sentence in its cell; None: the whole cell."""
    told: str
    """The place and the rule in a line."""

    def __str__(self) -> str:
        return self.told


def check(text: FGText, tokenizer: Tokenizer) -> list[Fault]:
    """The faults of a text under a text tower's tokenizer; empty when there is none.

    A draft's sentences may say the class's name, as all of them do. Missing cells are not looked for: :class:`FGText`
    cannot be built with any.
    """
    return [*_sentence_faults(text, tokenizer), *_cell_faults(text), *_sharing_faults(text)]


def _sentence_faults(text: FGText, tokenizer: Tokenizer) -> Iterator[Fault]:
    for entry in text.classes:
        for kind, cell in entry.cells():
            says_name = kind == "prompt" or is_draft(entry, kind)
            for index, sentence in enumerate(cell):
                found = list(_faults_of(sentence, tokenizer, _words_of(entry.name) if says_name else frozenset()))
                if not says_name and says(sentence, entry.name):
                    found.append("says the class name")
                for fault in found:
                    told = f"{_place(entry, kind)}: {fault}: {sentence!r}"
                    yield Fault(class_id=entry.id, kind=kind, index=index, told=told)


def _faults_of(sentence: str, tokenizer: Tokenizer, allowed: frozenset[str]) -> Iterator[str]:
    """The faults of one sentence, in which the words of its class's name may be allowed."""
    words = re.findall(r"\w+", sentence.lower())
    if not any(map(str.isalpha, sentence)) or not sentence.isprintable() or sentence != " ".join(sentence.split()):
        yield "empty, not printable, or with stray blanks"
    if len(words) > MAX_WORDS:
        yield f"{len(words)} words, more than {MAX_WORDS}"
    n_tokens = len(tokenizer.encode(sentence)) + 2  # start and end of text
    if n_tokens > tokenizer.context_length:
        yield f"{n_tokens} tokens, which the tower's context of {tokenizer.context_length} would cut"
    if sides := SIDE_WORDS.intersection(words) - allowed:
        yield f"names a side ({', '.join(sorted(sides))}), untrue after a horizontal flip"
    if feelings := FEELING_WORDS.intersection(words) - allowed:
        yield f"tells a feeling or an intention ({', '.join(sorted(feelings))}), which is not seen"


def _cell_faults(text: FGText) -> Iterator[Fault]:
    for entry in text.classes:
        for kind, cell in entry.cells():
            plain = [_plain(sentence) for sentence in cell]
            for sentence, times in Counter(plain).items():
                if times > 1:
                    again = len(plain) - 1 - plain[::-1].index(sentence)
                    told = f"{_place(entry, kind)}: stands {times} times: {sentence!r}"
                    yield Fault(class_id=entry.id, kind=kind, index=again, told=told)


def _sharing_faults(text: FGText) -> Iterator[Fault]:
    """Classes with the same sentences, and sentences that two classes share although their cells differ."""
    for one, other in itertools.combinations(text.classes, 2):
        both = f"classes {one.id} ({one.name}) and {other.id} ({other.name})"
        if all(set(one.sentences[dimension]) == set(other.sentences[dimension]) for dimension in DIMENSIONS):
            told = f"{both}: have the same sentences in every dimension and cannot be distinguished by them"
            yield Fault(class_id=other.id, told=told)
        if prompts := set(one.prompts) & set(other.prompts):
            shared = min(prompts)
            told = f"{both}: have the same prompt: {shared!r}"
            yield Fault(class_id=other.id, kind="prompt", index=other.prompts.index(shared), told=told)
        for dimension in DIMENSIONS:
            mine, theirs = set(one.sentences[dimension]), set(other.sentences[dimension])
            if mine != theirs and mine & theirs:
                shared = min(mine & theirs)
                told = f"{both}: share some sentences in {dimension} but not all: {shared!r}"
                index = other.sentences[dimension].index(shared)
                yield Fault(class_id=other.id, kind=dimension, index=index, told=told)


def _words_of(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", name.lower()))


def says(sentence: str, class_name: str) -> bool:
    """Whether all content words of a class name stand in a sentence, in any order and inflection."""
    named = _stems(class_name) - {_stem(word) for word in _NAME_FILLERS}
    return bool(named) and named <= _stems(sentence)


def _stems(sentence: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"\w+", sentence.lower())}


def _stem(word: str) -> str:
    """Crude, but the same for the inflections that class names show: touch, touches, touching; rub, rubs, rubbing."""
    stem = re.sub(r"(ing|es|ed|s|e)$", "", word) if len(word) > 3 else word
    stem = re.sub(r"([^\W\d])\1$", r"\1", stem)
    return re.sub(r"i$", "y", stem)


def _plain(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.lower()))


def _place(entry: ClassText, kind: str) -> str:
    return f"class {entry.id} ({entry.name}), {kind}"

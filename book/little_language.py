"""The book's little language: sentences whose words need other words to be understood.

Two things in it are hard, each at a distance that is known:

- *saw*, *felt* and *ground* are nouns after an article and verbs elsewhere:
  "I saw a saw". The word beside them decides.
- Their past forms do not show the number of the verb, but its tag does: "the **cats**
  with the tree near the boat **saw** a girl" has a plural verb. The first noun decides,
  with up to five prepositional phrases between, whose nouns say nothing.

Everything is drawn from the generator that is given, so a seed gives a corpus.
"""

from dataclasses import dataclass

import numpy as np

SINGULAR_PRONOUNS = ("I", "she")
PLURAL_PRONOUNS = ("we", "they")
ARTICLES = ("a", "the")
AMBIGUOUS = ("saw", "felt", "ground")
SINGULAR_NOUNS = ("cat", "tree", "boat", "girl")
PLURAL_NOUNS = ("cats", "trees", "boats", "girls")
PREPOSITIONS = ("near", "with", "under")
ADVERBS = ("then", "now", "often")
PADDING = ("",)

WORDS = (
    *PADDING,
    *SINGULAR_PRONOUNS,
    *PLURAL_PRONOUNS,
    *ARTICLES,
    *AMBIGUOUS,
    *SINGULAR_NOUNS,
    *PLURAL_NOUNS,
    *PREPOSITIONS,
    *ADVERBS,
)
ID = {word: index for index, word in enumerate(WORDS)}

TAGS = ("pronoun", "article", "noun", "singular verb", "plural verb", "preposition",
        "adverb")  # fmt: skip
PRONOUN, ARTICLE, NOUN, SINGULAR_VERB, PLURAL_VERB, PREPOSITION, ADVERB = range(7)
IGNORED = -100

MOST_PHRASES = 5
LONGEST = 2 + 2 + 3 * MOST_PHRASES + 1 + 2  # adverbs, subject, phrases, verb, object


@dataclass(frozen=True)
class Sentence:
    """One sentence: ids and tags of its words, and what decides the verb's number.

    subject and verb: their positions. phrases: how many stand between the two.
    """

    ids: list[int]
    tags: list[int]
    subject: int
    verb: int
    phrases: int


@dataclass(frozen=True)
class Corpus:
    """Sentences side by side: ids (N, n) padded with 0, tags (N, n) with -100 there.

    subjects, verbs and phrases (N,): as in `Sentence`.
    """

    ids: np.ndarray
    tags: np.ndarray
    subjects: np.ndarray
    verbs: np.ndarray
    phrases: np.ndarray

    @property
    def ambiguous(self) -> np.ndarray:
        """Which words (N, n) may be a noun or a verb."""
        return np.isin(self.ids, [ID[word] for word in AMBIGUOUS])

    @property
    def far(self) -> np.ndarray:
        """Which words (N, n) have a tag that a far word alone decides."""
        columns = np.arange(self.ids.shape[1])
        return (columns == self.verbs[:, None]) & (self.phrases[:, None] > 0)


def sentence(rng: np.random.Generator, phrases: int | None = None) -> Sentence:
    """Draw a sentence; `phrases` fixes how many stand between subject and verb."""
    draw = _Draw(rng)
    for _ in range(rng.integers(3)):
        draw.say(ADVERBS, ADVERB)
    is_plural = bool(rng.integers(2))
    if phrases is None and rng.random() < 0.25:
        phrases = 0
        draw.say(PLURAL_PRONOUNS if is_plural else SINGULAR_PRONOUNS, PRONOUN)
    else:
        draw.thing(is_plural)
    subject = len(draw.ids) - 1
    phrases = int(rng.integers(MOST_PHRASES + 1)) if phrases is None else phrases
    for _ in range(phrases):
        draw.say(PREPOSITIONS, PREPOSITION)
        draw.thing(bool(rng.integers(2)))
    draw.say(AMBIGUOUS, PLURAL_VERB if is_plural else SINGULAR_VERB)
    verb = len(draw.ids) - 1
    draw.thing(bool(rng.integers(2)))
    return Sentence(draw.ids, draw.tags, subject, verb, phrases)


def corpus(
    rng: np.random.Generator,
    count: int,
    phrases: int | None = None,
    length: int | None = None,
) -> Corpus:
    """Draw `count` sentences, padded to `length` (default: the longest possible).

    phrases: as in `sentence`; length: at least that of the longest sentence drawn.
    """
    drawn = [sentence(rng, phrases) for _ in range(count)]
    longest = max((len(one.ids) for one in drawn), default=0)
    length = max(LONGEST, longest) if length is None else length
    if length < longest:
        raise ValueError(f"length={length} is too short for {longest} words")
    ids = np.zeros((count, length), dtype=np.int64)
    tags = np.full((count, length), IGNORED, dtype=np.int64)
    for row, one in enumerate(drawn):
        ids[row, : len(one.ids)] = one.ids
        tags[row, : len(one.tags)] = one.tags
    places = [(one.subject, one.verb, one.phrases) for one in drawn]
    subjects, verbs, between = np.array(places, dtype=np.int64).reshape(-1, 3).T
    return Corpus(ids, tags, subjects, verbs, between)


def encode(text: str) -> np.ndarray:
    """The ids of a sentence in words; raises ValueError for an unknown one."""
    unknown = [word for word in text.split() if word not in ID]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a word of the little language")
    return np.array([ID[word] for word in text.split()], dtype=np.int64)


def decode(ids) -> str:
    """The words of a sequence of ids, without padding."""
    return " ".join(WORDS[index] for index in ids if index != 0)


class _Draw:
    """A sentence that grows word by word."""

    def __init__(self, rng):
        self.rng = rng
        self.ids, self.tags = [], []

    def say(self, choices, tag):
        self.ids.append(ID[choices[self.rng.integers(len(choices))]])
        self.tags.append(tag)

    def thing(self, is_plural):
        """An article and a noun; the ambiguous words are singular as nouns."""
        self.say(ARTICLES[1:] if is_plural else ARTICLES, ARTICLE)
        if is_plural:
            self.say(PLURAL_NOUNS, NOUN)
        else:
            is_ambiguous = self.rng.random() < 0.4
            self.say(AMBIGUOUS if is_ambiguous else SINGULAR_NOUNS, NOUN)


@dataclass(frozen=True)
class Story:
    """Two sentences, the second about *she* or *they*: ids, and two positions.

    pronoun: where *she* or *they* stands. antecedent: where the noun stands that it
    means, the first one of its number.
    """

    ids: list[int]
    pronoun: int
    antecedent: int


def story(rng: np.random.Generator, phrases: int | None = None) -> Story:
    """Draw a story; `phrases` (1 to 4 by default) as in `sentence`, for the first half.

    In a third of them the object is the only noun of the pronoun's number; in the
    others two different nouns or more have it, and the first is meant.
    """
    is_late = rng.random() < 1 / 3
    second = sentence(rng)
    while WORDS[second.ids[second.subject]] not in ("she", "they"):
        second = sentence(rng)
    is_plural = WORDS[second.ids[second.subject]] == "they"
    while True:
        first = sentence(rng, 1 + int(rng.integers(4)) if phrases is None else phrases)
        nouns = [i for i, tag in enumerate(first.tags) if tag == NOUN]
        fitting = [i for i in nouns if is_plural_noun(first.ids[i]) == is_plural]
        different = {first.ids[i] for i in fitting}
        if fitting == nouns[-1:] if is_late else len(different) > 1:
            ids, pronoun = first.ids + second.ids, len(first.ids) + second.subject
            return Story(ids, pronoun, fitting[0])


def is_plural_noun(word: int) -> bool:
    """Whether the id is that of a noun in the plural."""
    return WORDS[word] in PLURAL_NOUNS

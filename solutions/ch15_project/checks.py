"""How the closing project is graded: by the answers of what was trained, alone."""

import little_language as language
import numpy as np
import torch
from torch import nn

from autograder.author import Case, Exercise, Result

train_reader = Exercise(
    name="train_reader",
    points=5,
    difficulty=5,
    minutes=90,
    source="arXiv 1706.03762, section 3 and figure 4",
    hints=(
        "Number the words from 1, pad with 0. Embedding plus a learned vector for each "
        "position, two encoder blocks with the padding masked, one linear layer from "
        "one place to all words, cross-entropy with the answer. Put the padding before "
        "the words, and the last place is always a word.",
        "Width 48, 4 heads, hidden 96, no dropout; positions that begin with a spread "
        "of 0.3; AdamW with a largest step of 0.004 in a `OneCycleLR`; 16 passes in "
        "batches of 64. Print the loss: it has to come close to 0. Call `eval()` and "
        "`torch.no_grad()` before you answer.",
    ),
    inputs={},
    returns=Result("answers"),
    seconds=80.0,
    seeds=1,
)

SINGULAR = (*language.SINGULAR_NOUNS, *language.AMBIGUOUS)
ARTICLES = [language.ID[word] for word in language.ARTICLES]


def _far(rng):
    """A story for `_twins`: its subject is meant, and both numbers have two nouns."""
    while True:
        one = language.story(rng, 4)
        nouns = [i for i in range(one.pronoun) if one.ids[i - 1] in ARTICLES]
        plural = {i: language.is_plural_noun(one.ids[i]) for i in nouns}
        same = [i for i in nouns if plural[i] == plural[nouns[0]]]
        others = [i for i in same if one.ids[i] != one.ids[nouns[0]]]
        if one.antecedent == nouns[0] and others and same != nouns:
            return language.decode(one.ids).split(), nouns[0], others[0], one.pronoun


def _twins(rng):
    """A story and three others that tell models apart, with another answer each.

    Another subject of the same number, far from the pronoun; the subject exchanged with
    a later noun, which leaves the bag of words as it is; the other pronoun.
    """
    words, subject, later, pronoun = _far(rng)
    kind = SINGULAR if words[subject] in SINGULAR else language.PLURAL_NOUNS
    new = rng.choice([word for word in kind if word not in words] or [words[later]])
    other = {"she": "they", "they": "she"}[words[pronoun]]
    twins = [words.copy() for _ in range(4)]
    twins[1][subject] = str(new)
    twins[2][subject], twins[2][later] = words[later], words[subject]
    twins[3][pronoun] = other
    return [" ".join(twin) for twin in twins]


def _stories(rng, count=2500, unseen=600, twins=30, shuffled=False):
    """Stories with answers to learn from, unseen ones, and twins."""
    words = language.WORDS
    used = [word for word in words[1:] if word not in ("I", "we")]
    names = rng.permutation(used).tolist() if shuffled else used
    renamed = dict(zip(used, names, strict=True))

    def rename(text):
        return " ".join(renamed[word] for word in text.split())

    drawn = [language.story(rng) for _ in range(count + unseen)]
    lines = [rename(language.decode(one.ids)) for one in drawn]
    meant = [renamed[words[one.ids[one.antecedent]]] for one in drawn]
    return {
        "texts": lines[:count],
        "answers": meant[:count],
        "seed": int(rng.integers(2**31)),
        "unseen": lines[count:],
        "twins": [rename(line) for _ in range(twins) for line in _twins(rng)],
    }


@train_reader.cases
def train_reader_cases(rng):
    yield Case(_stories(rng), "2,500 stories to learn from")
    note = "2,500 other stories, all words shuffled"
    yield Case(_stories(rng, shuffled=True), note, large=True)


@train_reader.judge
def judge_reader(inputs, got):
    from itertools import pairwise

    import numpy as np

    seen, new, again, twins, alone = map(np.array, got)
    texts, answers = inputs["texts"], np.array(inputs["answers"])
    sizes = [len(part) for part in (seen, new, again, twins, alone)]
    count = len(inputs["unseen"])
    if sizes != [300, count, count, len(inputs["twins"]), 100]:
        return "`read` must return a list with one answer for each text."
    if not np.isin(new, " ".join(texts).split()).all():
        return "`read` must return words, as strings that stand in the texts."
    if (again != new).sum() > 2:
        return (
            "Asked twice, your model gives different answers: it still rolls dice. Put "
            "it into evaluation mode, so that dropout rests."
        )
    if (alone != new[:100]).sum() > 2:
        return (
            "Asked alone, a text gets another answer than among others. Mask the "
            "padding, and let positions count from the side without it."
        )

    # a story ends with pronoun, verb, article, noun; nouns follow articles
    articles = {text.split()[-2] for text in texts}
    number = {noun: text.split()[-4] for text, noun in zip(texts, answers)}

    def fitting(text, is_verb_too=False):
        words = text.split()
        return [
            word
            for before, word in pairwise(words[:-4])
            if (before in articles or is_verb_too) and number.get(word) == words[-4]
        ]

    candidates = [fitting(text) for text in inputs["unseen"]]
    right = (new == [nouns[0] for nouns in candidates]).mean()
    if right > 0.9:
        return None

    if np.isin(new, answers).mean() < 0.9:
        return (
            "Many of your answers are words that never are an answer. Let the data say "
            "which words are nouns: rules for English fail when all words are shuffled."
        )
    learned = (seen == answers[:300]).mean()
    if len(set(new)) == 1 and learned < 0.9:
        return (
            "Your model gives the same answer to every text. It has to learn from what "
            "stands in them: train it for longer, or with other steps."
        )
    if (new == [nouns[-1] for nouns in candidates]).mean() > 0.9:
        return (
            "You answer with the nearest noun of the right number. In these stories "
            "the first one is meant, however far away it is."
        )
    plain, another, exchanged, pronoun = (twins[k::4] for k in range(4))
    if len(set(new)) > 1 and (plain == another).all():
        return (
            "When the first noun changes, far from the pronoun, your answer never "
            "does, as if the model saw a window only. Let it look at the whole text."
        )
    if len(set(new)) > 1 and (plain == exchanged).all():
        return (
            "When two nouns change places, your answer never changes, as if the model "
            "saw a bag of words. Tell it where each word stands."
        )
    if len(set(new)) > 1 and (plain == pronoun).all():
        return (
            "When *she* becomes *they*, your answer never changes: the model does not "
            "look at the pronoun."
        )
    with_verbs = [fitting(text, True)[0] for text in inputs["unseen"]]
    if (new == with_verbs).mean() > 0.93:
        return (
            "You take the verbs *saw*, *felt*, *ground* for nouns. They are nouns only "
            "after an article: a second block, or the neighbour, can tell."
        )
    if learned < 0.9:
        return (
            "The model is not even right on the stories that it has learned from. "
            "Train it for longer, or with larger steps."
        )
    return (
        "The model is right on the stories that it has learned from and wrong on new "
        "ones: it knows them by heart. A smaller model, or another way to look, must "
        "find the rule."
    )


# --- wrong ways, most of them without training --------------------------------------


@train_reader.misconception(
    "Your model gives the same answer to every text. It has to learn from what stands "
    "in them: train it for longer, or with other steps."
)
def most_common(texts, answers, seed):
    common = max(sorted(set(answers)), key=answers.count)
    return lambda some: [common for _ in some]


@train_reader.misconception(
    "The model is right on the stories that it has learned from and wrong on new ones: "
    "it knows them by heart. A smaller model, or another way to look, must find the "
    "rule."
)
def by_heart(texts, answers, seed):
    pages = dict(zip(texts, answers, strict=True))
    words = sorted(set(answers))
    return lambda some: [
        pages.get(
            text, words[sum(i * i * ord(c) for i, c in enumerate(text)) % len(words)]
        )
        for text in some
    ]


@train_reader.misconception(
    "Many of your answers are words that never are an answer. Let the data say which "
    "words are nouns: rules for English fail when all words are shuffled."
)
def rules_for_english(texts, answers, seed):
    from itertools import pairwise

    plural = {"cats", "trees", "boats", "girls"}
    singular = {"cat", "tree", "boat", "girl", "saw", "felt", "ground"}

    def read(some):
        found = []
        for words in (text.split() for text in some):
            kind = plural if "they" in words else singular
            after = [w for a, w in pairwise(words) if a in ("a", "the")]
            found.append(next((noun for noun in after if noun in kind), words[0]))
        return found

    return read


@train_reader.misconception("`read` must return a list with one answer for each text.")
def answers_for_each_word(texts, answers, seed):
    return lambda some: [word for text in some for word in text.split()]


@train_reader.misconception(
    "`read` must return words, as strings that stand in the texts."
)
def numbers_for_words(texts, answers, seed):
    return lambda some: np.zeros(len(some), dtype=int)


@train_reader.misconception(
    "You answer with the nearest noun of the right number. In these stories the first "
    "one is meant, however far away it is."
)
def nearest_noun(texts, answers, seed):
    from itertools import pairwise

    number = {noun: text.split()[-4] for text, noun in zip(texts, answers, strict=True)}
    articles = {text.split()[-2] for text in texts}

    def read(some):
        found = []
        for words in (text.split() for text in some):
            pairs = pairwise(words[:-4])
            nouns = [word for before, word in pairs if before in articles]
            found.append([n for n in nouns if number[n] == words[-4]][-1])
        return found

    return read


@train_reader.misconception(
    "When *she* becomes *they*, your answer never changes: the model does not look at "
    "the pronoun."
)
def first_noun(texts, answers, seed):
    nouns = set(answers)
    return lambda some: [next(w for w in text.split() if w in nouns) for text in some]


@train_reader.misconception(
    "You take the verbs *saw*, *felt*, *ground* for nouns. They are nouns only after "
    "an article: a second block, or the neighbour, can tell."
)
def verb_for_noun(texts, answers, seed):
    number = {noun: text.split()[-4] for text, noun in zip(texts, answers, strict=True)}
    return lambda some: [
        next(word for word in words if number.get(word) == words[-4])
        for words in (text.split() for text in some)
    ]


@train_reader.misconception(
    "When the first noun changes, far from the pronoun, your answer never does, as if "
    "the model saw a window only. Let it look at the whole text."
)
def window_only(texts, answers, seed):
    words = ["", *sorted({word for text in texts for word in text.split()})]
    number = {word: index for index, word in enumerate(words)}

    def encode(some):
        return torch.tensor([[number[w] for w in text.split()[-9:]] for text in some])

    torch.manual_seed(seed)
    ids, labels = encode(texts), torch.tensor([number[word] for word in answers])
    model = nn.Sequential(
        nn.Embedding(len(words), 24),
        nn.Flatten(),
        nn.Linear(9 * 24, 96),
        nn.ReLU(),
        nn.Linear(96, len(words)),
    )
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(8):
        for some in torch.randperm(len(ids)).split(64):
            loss = nn.functional.cross_entropy(model(ids[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]


@train_reader.misconception(
    "When two nouns change places, your answer never changes, as if the model saw a "
    "bag of words. Tell it where each word stands."
)
def bag_of_words(texts, answers, seed):
    words = sorted({word for text in texts for word in text.split()})

    def encode(some):
        rows = [[text.split().count(word) for word in words] for text in some]
        return torch.tensor(rows, dtype=torch.float32)

    torch.manual_seed(seed)
    bags, labels = encode(texts), torch.tensor([words.index(word) for word in answers])
    model = nn.Sequential(
        nn.Linear(len(words), 96), nn.ReLU(), nn.Linear(96, len(words))
    )
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(8):
        for some in torch.randperm(len(bags)).split(64):
            loss = nn.functional.cross_entropy(model(bags[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]


@train_reader.misconception(
    "The model is not even right on the stories that it has learned from. Train it for "
    "longer, or with larger steps."
)
def too_few_steps(texts, answers, seed):
    words = ["", *sorted({word for text in texts for word in text.split()})]

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(len(words), 24)
            self.positions = nn.Parameter(0.3 * torch.randn(25, 24))
            self.block = nn.TransformerEncoderLayer(24, 4, 48, 0.0, batch_first=True)
            self.answer = nn.Linear(24, len(words))

        def forward(self, ids):
            x = self.block(self.embed(ids) + self.positions, None, ids == 0)
            return self.answer(x[:, -1])

    def encode(some):
        rows = [[words.index(word) for word in text.split()] for text in some]
        return torch.tensor([[0] * (25 - len(row)) + row for row in rows])

    torch.manual_seed(seed)
    model, labels = Reader(), torch.tensor([words.index(word) for word in answers])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(7):
        for some in torch.randperm(len(texts)).split(64):
            logits = model(encode([texts[i] for i in some]))
            loss = nn.functional.cross_entropy(logits, labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]


@train_reader.misconception(
    "Asked twice, your model gives different answers: it still rolls dice. Put it into "
    "evaluation mode, so that dropout rests."
)
def dropout_left_on(texts, answers, seed):
    words = ["", *sorted({word for text in texts for word in text.split()})]

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(len(words), 24)
            self.positions = nn.Parameter(0.3 * torch.randn(25, 24))
            self.block = nn.TransformerEncoderLayer(24, 4, 48, 0.3, batch_first=True)
            self.answer = nn.Linear(24, len(words))

        def forward(self, ids):
            x = self.block(self.embed(ids) + self.positions, None, ids == 0)
            return self.answer(x[:, -1])

    def encode(some):
        rows = [[words.index(word) for word in text.split()] for text in some]
        return torch.tensor([[0] * (25 - len(row)) + row for row in rows])

    torch.manual_seed(seed)
    model, labels = Reader(), torch.tensor([words.index(word) for word in answers])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(2):
        for some in torch.randperm(len(texts)).split(64):
            logits = model(encode([texts[i] for i in some]))
            loss = nn.functional.cross_entropy(logits, labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]


@train_reader.misconception(
    "Asked alone, a text gets another answer than among others. Mask the padding, and "
    "let positions count from the side without it."
)
def looks_at_padding(texts, answers, seed):
    words = ["", *sorted({word for text in texts for word in text.split()})]

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(len(words), 24)
            self.positions = nn.Parameter(0.3 * torch.randn(25, 24))
            self.block = nn.TransformerEncoderLayer(24, 4, 48, 0.0, batch_first=True)
            self.answer = nn.Linear(24, len(words))

        def forward(self, ids):
            x = self.block(self.embed(ids) + self.positions[: ids.shape[1]])
            return self.answer(x[:, -1])

    def encode(some):
        rows = [[words.index(word) for word in text.split()] for text in some]
        longest = max(map(len, rows))
        return torch.tensor([[0] * (longest - len(row)) + row for row in rows])

    torch.manual_seed(seed)
    model, labels = Reader(), torch.tensor([words.index(word) for word in answers])
    ids, optimizer = encode(texts), torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(4):
        for some in torch.randperm(len(texts)).split(64):
            loss = nn.functional.cross_entropy(model(ids[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]


# --- other right ways ---------------------------------------------------------------


@train_reader.alternative
def attention_by_hand(texts, answers, seed):
    """Pre-norm blocks in a few lines, one bias for each distance, no positions."""
    words = ["", *sorted({word for text in texts for word in text.split()})]
    number = {word: index for index, word in enumerate(words)}

    class Block(nn.Module):
        def __init__(self, d=48, heads=4):
            super().__init__()
            self.heads, self.near = heads, nn.Parameter(torch.zeros(heads, 101))
            self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.project, self.mix = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.network = nn.Sequential(
                nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d)
            )

        def forward(self, x, keep):
            places = torch.arange(x.shape[1])
            far = (places - places[:, None]).clamp(-50, 50) + 50
            parts = self.project(self.norm1(x)).chunk(3, dim=-1)
            Q, K, V = (
                part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts
            )
            S = Q @ K.mT / Q.shape[-1] ** 0.5 + self.near[:, far]
            A = S.masked_fill(~keep[:, None, None], -1e9).softmax(dim=-1)
            x = x + self.mix((A @ V).transpose(1, 2).flatten(2))
            return x + self.network(self.norm2(x))

    class Reader(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.embed = nn.Embedding(len(words), d)
            self.blocks = nn.ModuleList(Block(d) for _ in range(2))
            self.norm, self.answer = nn.LayerNorm(d), nn.Linear(d, len(words))

        def forward(self, ids):
            x = self.embed(ids)
            for block in self.blocks:
                x = block(x, ids > 0)
            last = (ids > 0).sum(dim=1) - 1
            return self.answer(self.norm(x[torch.arange(len(ids)), last]))

    def encode(some):
        rows = [[number[word] for word in text.split()] for text in some]
        longest = max(map(len, rows))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])

    torch.manual_seed(seed)
    model, ids = Reader(), encode(texts)
    labels = torch.tensor([number[word] for word in answers])
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, 14 * 40)
    for _ in range(14):
        for some in torch.randperm(2500).split(64):
            loss = nn.functional.cross_entropy(model(ids[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    model.eval()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]


@train_reader.alternative
def one_block_on_neighbours(texts, answers, seed):
    """Each word with its left neighbour, one block, read off at a token of its own."""
    words = ["", "[READ]", *sorted({word for text in texts for word in text.split()})]
    number = {word: index for index, word in enumerate(words)}

    class Reader(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.word, self.left = (nn.Embedding(len(words), d) for _ in range(2))
            self.place = nn.Embedding(64, d)
            self.block = nn.TransformerEncoderLayer(d, 4, 96, 0.0, batch_first=True)
            self.answer = nn.Linear(d, len(words))

        def forward(self, ids):
            left = nn.functional.pad(ids[:, :-1], (1, 0))
            x = self.word(ids) + self.left(left)
            x = x + self.place(torch.arange(ids.shape[1]))
            x = self.block(x, src_key_padding_mask=ids == 0)
            return self.answer(x[:, 0])

    def encode(some):
        lines = [["[READ]", *text.split()[:-3][::-1]] for text in some]
        rows = [[number[word] for word in line] for line in lines]
        longest = max(map(len, rows))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])

    torch.manual_seed(seed)
    model, ids = Reader(), encode(texts)
    labels = torch.tensor([number[word] for word in answers])
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, 16 * 40)
    for _ in range(16):
        for some in torch.randperm(2500).split(64):
            loss = nn.functional.cross_entropy(model(ids[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    return lambda some: [words[i] for i in model(encode(some)).argmax(dim=-1)]

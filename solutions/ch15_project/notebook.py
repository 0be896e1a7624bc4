# %% [markdown]
# # The closing project: whom does *they* mean?
#
# One exercise, from an empty cell. You get stories and answers, and you hand
# back something that answers stories which nobody has seen. What it is made of
# is up to you; a small Transformer is enough. Plan an hour and a half.
#
# Read the page *The closing project* first: it shows the task, how it is
# judged, how far simple answers come, and a plan of work.

# %% locked="setup"
import json

import numpy as np
import torch
from torch import nn

from autograder import check

torch.set_num_threads(1)

# %% [markdown]
# ## The stories
#
# A story is two sentences of the book's little language, without a full stop
# between them. The second begins, after an adverb or two at most, with *she*
# or *they*. It means **the first noun of its number** in the story. *She* is
# one cat, tree, boat or girl, or one saw, felt or ground; *they* are cats,
# trees, boats or girls.
#
# The 2,500 stories that `check` trains on lie beside this notebook. Look at a
# few, and answer them yourself before you read the answer.

# %% tags=["demo"]
with open("public_cases.json", encoding="utf-8") as file:
    public = json.load(file)["exercises"]["train_reader"]["cases"][0]["inputs"]
texts, answers = public["texts"], public["answers"]
for text, answer in list(zip(texts, answers))[:8]:
    print(f"{answer:>8} : {text}")

# %% [markdown]
# Keep some of the 2,500 away from the training while you experiment, and measure
# on those: that is the accuracy that counts. Here is the simplest answer of all.

# %% tags=["demo"]
train_part, my_unseen = slice(0, 2000), slice(2000, 2500)
common = max(set(answers[train_part]), key=answers[train_part].count)
hits = [common == answer for answer in answers[my_unseen]]
print(f"always {common!r}: {np.mean(hits):.0%} right")

# %% [markdown] exercise="train_reader"
# ## 15.1 From an empty cell
#
# Write `train_reader(texts, answers, seed)`. It learns from the 2,500 stories
# and returns `read`, a function from a list of stories to the list of their
# answers. It is judged by what `read` answers, and by nothing else:
#
# - **more than 90 %** of 600 unseen stories must be right;
# - the answer to a story depends on this story alone: asked again, or alone
#   instead of among others, it stays the same (at most 2 of 100 may differ);
# - grading trains your model twice, on stories of its own. The second time all
#   words are shuffled: what was *boats* may be called *near*. A model that
#   learns from the data does not notice; a list of rules for English does.
#   `check` trains once, on the stories above;
# - both trainings with all answers may take **80 seconds of processor time**;
#   about ten seconds each is enough.
#
# Everything may come from PyTorch, or from your own notebooks. Only the words
# in `texts` are known, nothing else is given. The unseen stories have the same
# words, the same lengths (at most 25 words), and other contents.


# %% solution="train_reader"
def train_reader(texts, answers, seed):
    """Learn from stories whom their pronoun means; returns `read`.

    texts: list of 2,500 str, words with spaces between. answers: list of
    2,500 str, each one word of its text. seed: an int, for all chance.
    Returns read(texts): list of N str -> list of N str, the answers.
    Source: arXiv 1706.03762, section 3 and figure 4.
    """

    ### BEGIN SOLUTION
    class Reader(nn.Module):
        def __init__(self, vocabulary, d=48, layers=2, longest=64):
            super().__init__()
            self.embed = nn.Embedding(vocabulary, d)
            self.positions = nn.Parameter(0.3 * torch.randn(longest, d))
            layer = nn.TransformerEncoderLayer(d, 4, 2 * d, 0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(
                layer, layers, enable_nested_tensor=False
            )
            self.answer = nn.Linear(d, vocabulary)

        def forward(self, ids):
            # padding stands before the words: positions count from the end
            x = self.embed(ids) + self.positions[: ids.shape[1]].flip(0)
            x = self.encoder(x, src_key_padding_mask=ids == 0)
            return self.answer(x[:, -1])

    words = sorted({word for text in texts for word in text.split()})
    number = {word: index for index, word in enumerate(words, 1)}

    def encode(some):
        rows = [[number[word] for word in text.split()] for text in some]
        longest = max(map(len, rows), default=0)
        return torch.tensor([[0] * (longest - len(row)) + row for row in rows])

    torch.manual_seed(seed)
    ids = encode(texts)
    labels = torch.tensor([number[word] for word in answers])
    model, epochs, size = Reader(len(words) + 1), 16, 64
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    steps = epochs * -(-len(ids) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(epochs):
        for some in torch.randperm(len(ids)).split(size):
            loss = nn.functional.cross_entropy(model(ids[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()

    def read(some):
        with torch.no_grad():
            best = model(encode(some)).argmax(dim=-1)
        return [words[index - 1] for index in best]

    return read
    ### END SOLUTION


# %% test="train_reader"
@check("train_reader")
def probe(texts, answers, seed, unseen, twins):
    read = train_reader(texts, answers, seed)
    asked = [read(part) for part in (texts[:300], unseen, unseen, twins)]
    asked.append([word for text in unseen[:100] for word in read([text])])
    return [[str(word) for word in part] for part in asked]


# %% [markdown]
# ## Try it
#
# Not graded. Your reader has seen stories with one to four phrases before the
# verb. Ask it shorter and longer ones, and stories in which nobody fits. When
# does it break, and can you say why? What would have to be different about its
# positions? And with how few of the 2,500 stories would it have got through?

# %% tags=["demo"]
read = train_reader(texts, answers, seed=0)
stories = (
    "the cats saw a boat then they felt a tree",
    "the cats saw a boat then she felt a tree",
    "the cats near the trees with the girls saw a saw she ground the boat",
    "the cat " + 6 * "near a boat " + "saw the girls now they felt a tree",
    "the cat near a boat saw the girl now they felt a tree",
)
for text, answer in zip(stories, read(list(stories))):
    print(f"{answer:>8} : {text}")

# %% [markdown]
# Before you hand it in: the second training of the grading, on your own. All
# words are shuffled, so the stories look like nonsense. Change the seed of the
# shuffle or of the training: how far do the accuracies spread?

# %% tags=["demo"]
words = sorted({word for text in texts for word in text.split()})
shuffled = dict(zip(words, np.random.default_rng(0).permutation(words)))


def rename(text):
    return " ".join(shuffled[word] for word in text.split())


odd_texts, odd_answers = [rename(t) for t in texts], [rename(a) for a in answers]
print(odd_answers[2000], ":", odd_texts[2000])
read = train_reader(odd_texts[:2000], odd_answers[:2000], seed=1)
hits = [a == b for a, b in zip(read(odd_texts[2000:]), odd_answers[2000:])]
print(f"trained on 2,000 shuffled stories: {np.mean(hits):.0%} of 500 unseen")

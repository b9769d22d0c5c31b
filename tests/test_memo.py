"""What openings leave to those after them."""

from __future__ import annotations

import gc
import weakref

from ipyproject.memo import Memo


class Thing:
    """Something that can be watched."""


def test_it_is_made_once():
    """Of an equal key, and of the very same object; another object is another input, however equal."""
    memo, made = Memo(), []
    assert [memo.get("a", lambda: made.append(1) or len(made)) for _ in range(3)] == [1, 1, 1]
    one, other = [1], [1]
    assert memo.of("sum", one, lambda: [sum(one)]) is memo.of("sum", one, lambda: [sum(one)])
    assert memo.of("sum", other, lambda: "anew") == "anew"
    assert memo.of("length", one, lambda: len(one)) == 1


def test_what_two_openings_did_not_ask_for_is_forgotten():
    """And what one did is not."""
    memo = Memo()
    memo.get("asked", lambda: 1)
    memo.get("left", lambda: 1)
    for _ in range(3):
        memo.begin()
        assert memo.last("asked") == 1
    assert memo.last("left") is None


def test_what_something_was_made_of_stays_with_it():
    """Whoever asks only for the whole finds the parts when the whole has to be made again."""
    memo = Memo()
    memo.get("whole", lambda: memo.get("part", lambda: memo.get("part of it", lambda: 1)))
    for _ in range(3):
        memo.begin()
        assert memo.last("whole") == 1
    memo.begin()
    assert (memo.last("part"), memo.last("part of it")) == (1, 1)


def test_nothing_old_is_held():
    """What something else was put in place of is gone at once; what is only asked for by its content, two openings on."""
    memo = Memo()
    replaced, gone = Thing(), Thing()
    references = weakref.ref(replaced), weakref.ref(gone)
    memo.put("hooks", replaced)
    memo.of("kind", gone, lambda: 1)
    memo.begin()
    memo.put("hooks", Thing())
    del replaced, gone
    gc.collect()
    assert references[0]() is None
    memo.begin()
    assert references[1]() is None


def test_apart():
    """A memo of a run knows what there is, and leaves nothing behind."""
    memo = Memo()
    memo.get("known", lambda: 1)
    other = memo.apart()
    assert other.last("known") == 1
    other.put("known", 2)
    other.put("new", 3)
    assert (memo.last("known"), memo.last("new")) == (1, None)

"""What a fresh interpreter makes of a project, and what a reload in a process that goes on makes of it.

Run as a program it is a worker: it answers requests (one JSON text per line) until its input ends.
``fresh`` forks a child that has not imported the project yet; ``reload`` goes on in one process, as a kernel does.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib
import json
import os
import subprocess
import sys
import traceback
import types
import weakref
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from ipyproject import reload_project
from ipyproject.pipeline import Node, Pipeline

SKIPPED = {"__builtins__", "__spec__", "__loader__", "__cached__", "__path__", "__file__"}
CLASS_SKIPPED = {"__dict__", "__weakref__", "_abc_impl", "__annotations_cache__"}
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range)


class Fingerprint:
    """Structure of objects without addresses; an object met again is a reference to where it was met first."""

    def __init__(self, tops):
        self.tops = tops
        self._met = {}
        self._kept = []

    def of_modules(self, modules):
        return {name: self._namespace(name, modules[name]) for name in sorted(modules)}

    def _namespace(self, name, module):
        if not isinstance(module, types.ModuleType):
            return self.of(module, name)
        return {
            key: self.of(value, f"{name}.{key}") for key, value in sorted(vars(module).items()) if key not in SKIPPED
        }

    def of(self, value, where):
        if isinstance(value, PLAIN):
            return [type(value).__name__, repr(value)]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__, sys.modules.get(value.__name__) is value]
        if isinstance(value, (type, types.FunctionType)) and not self._is_own(value):
            return ["outside", value.__module__, value.__qualname__]
        if id(value) in self._met:
            return ["met", self._met[id(value)]]
        self._met[id(value)] = where
        self._kept.append(value)
        return [type(value).__qualname__, *self._parts(value, where)]

    def _is_own(self, value):
        return str(value.__module__).partition(".")[0] in self.tops

    def _parts(self, value, where):  # noqa: C901, PLR0911, PLR0912
        inner = lambda part, name: self.of(part, f"{where}/{name}")  # noqa: E731
        match value:
            case types.FunctionType():
                cells = [inner(_content(cell), f"cell{n}") for n, cell in enumerate(value.__closure__ or ())]
                rest = [value.__defaults__, value.__kwdefaults__, vars(value)]
                return [value.__module__, value.__qualname__, self._code(value.__code__), cells, inner(rest, "rest")]
            case types.CodeType():
                return [self._code(value)]
            case type():
                members = {key: part for key, part in vars(value).items() if key not in CLASS_SKIPPED}
                below = sorted(f"{sub.__module__}.{sub.__qualname__}" for sub in type.__subclasses__(value))
                bases = [inner(base, f"base{n}") for n, base in enumerate(value.__bases__)]
                return [value.__module__, value.__qualname__, bases, self._items(sorted(members.items()), where), below]
            case Node():
                return [inner(value.func, "func"), repr(value), sorted(value.tags)]
            case Pipeline():
                return [inner(node, node.name) for node in value.nodes]
            case Mapping() if not isinstance(value, (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)):
                return [inner(key, f"key{n}") for n, key in enumerate(value)] + self._items(value.items(), where)
            case list() | tuple() | deque():
                return [inner(part, n) for n, part in enumerate(value)]
            case set() | frozenset():
                return sorted(json.dumps(inner(part, "member")) for part in value)
            case functools.partial():
                return [inner((value.func, value.args, value.keywords), "partial")]
            case property():
                return [inner((value.fget, value.fset, value.fdel), "property")]
            case staticmethod() | classmethod():
                return [inner(value.__func__, "func")]
            case types.MethodType():
                return [inner(value.__self__, "self"), inner(value.__func__, "func")]
        if hasattr(value, "cache_info"):
            return [inner(value.__wrapped__, "wrapped"), repr(value.cache_info())]
        if isinstance(getattr(value, "__dict__", None), dict):
            return [inner(type(value), "class"), self._items(sorted(vars(value).items()), where)]
        shown = repr(value)
        return [shown if " at 0x" not in shown else ""]

    def _items(self, items, where):
        return [[str(key), self.of(part, f"{where}/{key}")] for key, part in items]

    def _code(self, code):
        constants = [self._code(part) if isinstance(part, types.CodeType) else repr(part) for part in code.co_consts]
        if any("frozenset" in part for part in constants if isinstance(part, str)):
            constants = sorted(map(str, constants))
        names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
        digest = hashlib.blake2b(code.co_code, digest_size=8).hexdigest()
        return [code.co_name, digest, constants, names, code.co_argcount, code.co_flags, code.co_firstlineno]


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def own_modules(source, *, tops=None):
    tops = tops or tops_of(source)
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}


def tops_of(source):
    """Return the names of the packages and modules directly in a source folder."""
    return {path.stem for path in source.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__pycache__"}


def result_of(source, session, tops):
    """Return the structure of all that a session has made of its project."""
    gc.collect()
    print_ = Fingerprint(tops)
    return {
        "modules": print_.of_modules(own_modules(source, tops=tops)),
        "pipelines": print_.of(dict(session.pipelines), "pipelines"),
        "params": repr(dict(session.load_context().params)),
        "catalog": repr(list(session.catalog.definitions.items())),
    }


def fresh(source, extra, tops):
    """Return what a new interpreter makes of a project in which these modules are imported afterwards."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        sys.dont_write_bytecode = True
        sys.setrecursionlimit(5000)
        with os.fdopen(writing, "w") as answer:
            json.dump(_attempt(lambda: result_of(source, _opened(source, extra), tops)), answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def _opened(source, extra):
    session = reload_project(source.parent, save_on_close=False)
    for name in extra:
        if name not in sys.modules:
            _import_if_there(name)
    return session


def _import_if_there(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not (name == error.name or name.startswith(f"{error.name}.")):
            raise


def _attempt(action):
    try:
        return action()
    except Exception as error:  # noqa: BLE001  (whatever the project raises is the answer)
        return _told(error)


def _told(error):
    return {"error": f"{type(error).__name__}: {error}", "traceback": "".join(traceback.format_exception(error))}


class Kernel:
    """One process in which a project is opened again and again, with names bound to what it defines."""

    def __init__(self, source):
        self._source = source
        self._session = None
        self._names = {}
        self._before = None
        sys.dont_write_bytecode = True

    def answer(self, tops):
        """Reload; return what there is now and, where it failed, whether all is as it was."""
        failure = None
        try:
            self._session = reload_project(self._source.parent, save_on_close=False, names=self._names)
        except Exception as error:  # noqa: BLE001  (whatever the project raises is the answer)
            failure = _told(error)  # the error itself would keep alive what has failed
        if failure is not None:
            if self._session is not None and result_of(self._source, self._session, tops) != self._before:
                return {"half": True}
            return failure
        changes = self._session.changes
        for name in changes.names.gone:  # what a notebook still holds of an old world keeps its subclasses alive
            del self._names[name]
        self._before = result_of(self._source, self._session, tops)
        stale_names = [
            name
            for name, (module, attribute) in self._homes().items()
            if self._names[name] is not vars(sys.modules[module])[attribute]
        ]
        self._bind()
        loaded = list(own_modules(self._source, tops=tops))
        return {**self._before, "executed": list(changes.executed), "loaded": loaded, "stale_names": stale_names}

    def _homes(self):
        return {
            name: home
            for name in self._names
            if (home := tuple(name.split(":")))[0] in sys.modules and home[1] in vars(sys.modules[home[0]])
        }

    def _bind(self):
        self._names.clear()
        for name, module in own_modules(self._source).items():
            for attribute in ("f", "K"):
                value = getattr(module, "__dict__", {}).get(attribute)
                if getattr(value, "__module__", None) == name:
                    self._names[f"{name}:{attribute}"] = value


class Worker:
    """A worker process, for the tests."""

    def __init__(self, *arguments):
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Child:
    """A fork of this process in which one project is loaded and loaded again."""

    def __init__(self, source):
        asked, self._ask = os.pipe()
        self._answer, answered = os.pipe()
        self._id = os.fork()
        if self._id == 0:
            os.close(self._ask)
            os.close(self._answer)
            kernel = Kernel(source)
            with os.fdopen(asked) as questions, os.fdopen(answered, "w") as answers:
                for question in questions:
                    tops = set(json.loads(question))
                    answer = _attempt(functools.partial(kernel.answer, tops))
                    loaded = list(own_modules(source, tops=tops))
                    print(json.dumps({"loaded": loaded, **answer}), file=answers, flush=True)
            os._exit(0)
        os.close(asked)
        os.close(answered)
        self._answers = os.fdopen(self._answer)

    def reload(self, tops):
        os.write(self._ask, f"{json.dumps(tops)}\n".encode())
        return json.loads(self._answers.readline())

    def close(self):
        os.close(self._ask)
        self._answers.close()
        os.waitpid(self._id, 0)


def main():
    """Answer questions: to ``fresh`` (source, extra, tops), to ``reload`` (source, tops), to ``close`` (source)."""
    kernels = {}
    for line in sys.stdin:
        question = json.loads(line)
        source = Path(question["source"])
        if question["do"] == "fresh":
            answer = fresh(source, question["extra"], set(question["tops"]))
        elif question["do"] == "close":
            kernels.pop(source).close()
            answer = None
        else:
            if source not in kernels:
                for other in list(kernels):  # a fork would hold its pipes open
                    kernels.pop(other).close()
                kernels[source] = Child(source)
            answer = kernels[source].reload(question["tops"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What a fresh interpreter makes of a project, and what executing only some of its modules again makes of it.

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
from importlib.abc import Loader
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

from ipyproject.pipeline import Node, Pipeline
from ipyproject.reloading.sources import SourceCache
from ipyproject.reloading.staleness import stale_modules

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


def open_project(source, extra=()):
    """Import what an opening imports, in its order, and call what it calls."""
    importlib.invalidate_caches()
    for name in ("shop.settings", "shop.pipeline_registry"):
        _import_if_there(name)
    pipelines = {}
    registry = sys.modules.get("shop.pipeline_registry")
    if registry is not None and hasattr(registry, "register_pipelines"):
        pipelines.update(registry.register_pipelines())
    folder = source / "shop/pipelines"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file()):
            module = importlib.import_module(f"shop.pipelines.{path.stem}")
            if hasattr(module, "create_pipeline"):
                pipelines[path.stem] = module.create_pipeline()
    for name in extra:
        if name not in sys.modules:
            _import_if_there(name)
    return pipelines


def _import_if_there(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not (name == error.name or name.startswith(f"{error.name}.")):
            raise


def result_of(source, pipelines, tops):
    gc.collect()
    modules = own_modules(source, tops=tops)
    print_ = Fingerprint(tops)
    found = print_.of_modules(modules)
    return {"modules": found, "pipelines": print_.of(pipelines, "pipelines")}


def fresh(source, extra, tops):
    """Return the fingerprint of a project as a new interpreter makes it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        sys.path.insert(0, str(source))
        sys.dont_write_bytecode = True
        sys.setrecursionlimit(5000)
        with os.fdopen(writing, "w") as answer:
            json.dump(_attempt(lambda: result_of(source, _open_from_source(source, extra), tops)), answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def _open_from_source(source, extra):
    sys.meta_path.insert(0, Finder(source, {}, {}, {}))
    return open_project(source, extra)


def _attempt(action):
    try:
        return action()
    except Exception as error:  # noqa: BLE001  (whatever the project raises is the answer)
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


class Finder:
    """Executes modules from source into the objects that had their names."""

    def __init__(self, source, replaced, kept, executed):
        self._source, self._replaced, self._kept, self._executed = source, replaced, kept, executed

    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            return None
        children = {child: module for child, module in self._kept.items() if child.rpartition(".")[0] == name}
        if spec.origin is None and any(
            str(place).startswith(str(self._source)) for place in spec.submodule_search_locations
        ):
            spec.loader = NamespaceLoader(spec.loader, self._replaced.get(name), children)
        elif type(spec.loader) is SourceFileLoader and spec.origin.startswith(str(self._source)):
            spec.loader = FreshLoader(name, spec.origin, self._replaced.get(name), children, self._executed)
        return spec


def emptied(module, name):
    """Return a module's object for it to be executed in again; None where it is no module."""
    if not isinstance(module, types.ModuleType):
        return None
    module.__class__ = types.ModuleType
    vars(module).clear()
    vars(module).update({"__name__": name, "__doc__": None})
    return module


class NamespaceLoader(Loader):
    def __init__(self, ordinary, replaced, children):
        self._ordinary, self._replaced, self._children = ordinary, replaced, children

    def create_module(self, spec):
        return emptied(self._replaced, spec.name)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._ordinary
        for name, child in self._children.items():
            setattr(module, name.rpartition(".")[2], child)


class FreshLoader(SourceFileLoader):
    def __init__(self, name, path, replaced, children, executed):
        super().__init__(name, path)
        self._replaced, self._children, self._executed = replaced, children, executed

    def create_module(self, spec):
        return emptied(self._replaced, spec.name)

    def get_code(self, fullname):
        source = self.get_data(self.path)
        self._executed[fullname] = (Path(self.path), source)
        return self.source_to_code(source, self.path)

    def exec_module(self, module):
        for name, child in self._children.items():
            setattr(module, name.rpartition(".")[2], child)
        super().exec_module(module)


class Kernel:
    """One process in which a project is opened again and again, each time executing only what is stale."""

    def __init__(self, source):
        self._source = source
        self._sources = SourceCache([source])
        self._files = {}
        self._pipelines = None
        sys.path.insert(0, str(source))
        sys.dont_write_bytecode = True
        self.tops = set()

    def reload(self):
        """Execute what is stale; all as before on failure."""
        files = {path: path.read_bytes() for path in self._source.rglob("*.py")}
        if files == self._files and self._pipelines is not None:
            now = own_modules(self._source, tops=self.tops)
            return {"executed": [], "loaded": list(now), "pipelines_": self._pipelines}
        self.tops |= tops_of(self._source)
        both = files.keys() & self._files.keys()
        loaded = own_modules(self._source, tops=self.tops)
        stale = stale_modules(
            loaded,
            {path for path in both if files[path] != self._files[path]},
            self._files.keys() - files.keys(),
            files.keys() - self._files.keys(),
            sources=self._sources,
        ).modules
        before = {name: (module, type(module), dict(vars(module))) for name, module in loaded.items()}
        executed = {}
        try:
            pipelines = self._execute(stale, loaded, executed)
        except BaseException:
            self._put_back(before)
            raise
        for name in loaded.keys() & (stale | (loaded.keys() - sys.modules.keys())):
            self._sources.forget(name)
        for name, (path, source) in executed.items():
            self._sources.executed(name, path, source)
        self._files, self._pipelines = files, pipelines
        del before, loaded
        now = own_modules(self._source, tops=self.tops)
        return {"executed": list(executed), "loaded": list(now), "pipelines_": pipelines}

    def answer(self):
        done = self.reload()
        done.update(result_of(self._source, done.pop("pipelines_"), self.tops))
        return done

    def _execute(self, stale, loaded, executed):
        replaced = {name: sys.modules.pop(name) for name in loaded if name in stale}
        kept = {name: module for name, module in loaded.items() if name not in stale}
        for name, module in replaced.items():
            parent, _, short = name.rpartition(".")
            if parent in kept and vars(kept[parent]).get(short) is module:
                delattr(kept[parent], short)
        finder = Finder(self._source, replaced, kept, executed)
        sys.meta_path.insert(0, finder)
        try:
            return open_project(self._source, list(replaced))
        finally:
            sys.meta_path.remove(finder)

    def _put_back(self, before):
        for name in own_modules(self._source, tops=self.tops):
            del sys.modules[name]
        for name, (module, kind, namespace) in before.items():
            sys.modules[name] = module
            module.__class__ = kind
            vars(module).clear()
            vars(module).update(namespace)


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
                for _ in questions:
                    print(
                        json.dumps({"loaded": list(own_modules(source, tops=kernel.tops)), **_attempt(kernel.answer)}),
                        file=answers,
                        flush=True,
                    )
            os._exit(0)
        os.close(asked)
        os.close(answered)
        self._answers = os.fdopen(self._answer)

    def reload(self):
        os.write(self._ask, b"\n")
        return json.loads(self._answers.readline())

    def close(self):
        os.close(self._ask)
        self._answers.close()
        os.waitpid(self._id, 0)


def main():
    """Answer questions: to ``fresh`` (source, extra, tops), to ``reload`` (source), to ``close`` (source)."""
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
            answer = kernels[source].reload()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What a module's source does while it is imported, and what its functions would do: which names it uses, and how."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipyproject.reloading.facts import ABSOLUTE, EVERYTHING, ITEM, How, Mutability, SourceFacts, Use
from ipyproject.reloading.imports import (
    DYNAMIC_BUILTINS,
    DYNAMIC_MODULES,
    Imports,
    child_nodes,
    dotted,
    imported_by_text,
    may_name_a_module,
    read_imports,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_facts(source: bytes, name: str, *, is_package: bool) -> SourceFacts | None:
    """Read a module's source; None where it does not compile.

    Args:
        source: The file's content.
        name: The module's dotted name.
        is_package: Whether the file is a package's ``__init__``.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    imports = read_imports(tree, name, is_package=is_package)
    return _UseReader(imports, name if is_package else name.rpartition(".")[0]).read(tree)


_INERT = (  # what they are called with is kept or looked at, neither called nor changed
    "ipyproject.",
    "typing.",
    "collections.abc.",
    "pathlib.",
    "datetime.",
    "decimal.",
    "enum.auto",
    "functools.partial",
    "functools.wraps",
    "functools.cached_property",
    "contextlib.contextmanager",
    "dataclasses.",
    "abc.",
    "re.compile",
    "collections.namedtuple",
    "logging.getLogger",
    "operator.attrgetter",
    "operator.itemgetter",
    "operator.methodcaller",
)
_GIVING_BACK = frozenset({"cast", "field"})  # of inert modules: what these are called with is used on
_LOOKING = frozenset(
    [
        "len",
        "str",
        "repr",
        "int",
        "float",
        "bool",
        "isinstance",
        "issubclass",
        "hasattr",
        "print",
        "id",
        "callable",
        "abs",
        "round",
        "range",
        "hash",
        "ord",
        "chr",
        "super",
        "property",
        "staticmethod",
        "classmethod",
    ]
)
_COPYING = frozenset(
    [
        "list",
        "dict",
        "set",
        "tuple",
        "frozenset",
        "sorted",
        "reversed",
        "zip",
        "enumerate",
        "min",
        "max",
        "sum",
        "any",
        "all",
    ]
)
_IMMUTABLE_RESULT = _LOOKING | {"tuple", "frozenset", "sum", "any", "all", "object"}
_SETTING = frozenset({"setattr", "delattr", "__setattr__", "__delattr__", "vars"})
_PLAIN_DECORATORS = frozenset({"property", "staticmethod", "classmethod"})
_CACHES = frozenset({"lru_cache", "cache", "singledispatch", "singledispatchmethod"})
_OF_CLASSES = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
_STATEFUL_METHODS = frozenset({"__init_subclass__", "__set_name__", "__class_getitem__", "__subclasshook__"})
_OF_ANOTHER = (ast.Name, ast.Attribute, ast.Subscript, ast.Lambda, ast.Constant, ast.Compare, ast.JoinedStr)


class _UseReader:
    def __init__(self, imports: Imports, package: str) -> None:
        self._facts = SourceFacts(imports)
        self._package = package
        self._uses = self._facts.executed
        self._owner: str | None = None  # the function or class of module level that is being read
        self._in_function = False
        self._class_names = {"cls"}  # what class methods call their class

    def read(self, tree: ast.Module) -> SourceFacts:
        self._body(tree.body)
        return self._facts

    # Statements

    def _body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912  (one branch per kind of statement)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                self._expression(annotation, How.READ)
                if value is not None:
                    self._assign([target], value)
            case ast.AugAssign(target=target, value=value):
                self._store(target)
                self._assign([target], value)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._store(target)
            case ast.For(target=target, iter=iterated) | ast.AsyncFor(target=target, iter=iterated):
                self._assign([target], iterated, fresh=False)
                self._body(node.body + node.orelse)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._expression(item.context_expr, How.ESCAPE)
                    if item.optional_vars is not None:
                        self._assign([item.optional_vars], item.context_expr)
                self._body(body)
            case ast.Return(value=ast.expr() as value):
                self._expression(value, How.ESCAPE)
            case ast.Expr(value=value):
                self._expression(value, How.READ)
            case ast.ImportFrom() if not self._in_function:
                self._uses.update(Use((alias.asname or alias.name,), How.BIND) for alias in node.names)
            case ast.Global(names=names):
                self._facts.rebound.update(names)
                self._facts.state.update(dict.fromkeys(names, Mutability.UNKNOWN))
                self._uses.update(Use((name,), How.STORE) for name in names)
            case _:
                self._children(node)

    def _children(self, node: ast.AST) -> None:
        for child in child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.expr):
                self._expression(child, How.READ)
            elif not isinstance(child, ast.expr_context):
                self._children(child)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        plain = not [each for each in node.decorator_list if not self._decorator(each)]
        arguments = node.args
        defaults = [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]
        for default in defaults:
            self._expression(default, How.ESCAPE)
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            if argument.annotation is not None:
                self._expression(argument.annotation, How.READ)
        if node.returns is not None:
            self._expression(node.returns, How.READ)
        if not plain or any(_mutability(default, self) is not None for default in defaults):
            self._mark_state(node.name)
        if self._owner is not None and node.name in _STATEFUL_METHODS:
            self._mark_state(self._owner)
        if not plain and not self._in_function:
            self._uses.add(Use((self._owner or node.name,), How.CALL))  # a decorator may call it at once
        first = next((argument.arg for argument in [*arguments.posonlyargs, *arguments.args]), None)
        if self._owner is not None and first is not None and _is_given_class(node):
            self._class_names.add(first)
        with self._inside(node.name, function=True):
            self._body(node.body)

    def _class(self, node: ast.ClassDef) -> None:
        plain = not [each for each in node.decorator_list if not self._decorator(each)]
        for base in [*node.bases, *(keyword.value for keyword in node.keywords)]:
            self._expression(base, How.CALL)
            if self._owner is None:
                self._take_base(node.name, base)
                with self._inside(node.name, function=False):
                    self._expression(base, How.CALL)
        if not plain or node.keywords:
            self._mark_state(node.name)
        if not plain and not self._in_function:
            self._uses.add(Use((self._owner or node.name,), How.CALL))
        if self._owner is not None:
            self._body(node.body)
            return
        self._facts.definitions.setdefault(node.name, set())
        self._owner = node.name
        self._body(node.body)  # executed now; only its methods are not
        self._owner = None

    def _is_own_class(self, node: ast.expr) -> bool:
        """Whether an expression in a method stands for its class: ``cls``, ``self.__class__`` or ``type(self)``."""
        if isinstance(node, ast.Call):
            return dotted(node.func) == ("type",)
        chain = dotted(node)
        return chain is not None and (chain[0] in self._class_names or "__class__" in chain)

    def _take_base(self, name: str, base: ast.expr) -> None:
        chain = dotted(base.value if isinstance(base, ast.Subscript) else base)
        for target in self._facts.imports.bound.get(chain[0], ()) if chain is not None else ():
            self._facts.bases.setdefault(name, set()).add(".".join((target, *(chain or ())[1:])))

    def _decorator(self, node: ast.expr) -> bool:
        """Read a decorator; return whether it neither keeps state nor does more than mark what it decorates."""
        called = node.func if isinstance(node, ast.Call) else node
        self._expression(node, How.CALL)
        if self._in_function:
            return True
        chain = dotted(called)
        if chain is None or chain[-1] in _CACHES:
            return False
        return chain[0] in _PLAIN_DECORATORS or chain[-1] in {"setter", "getter", "deleter"} or self._is_inert(chain)

    @contextmanager
    def _inside(self, name: str, *, function: bool) -> Iterator[None]:
        before = self._uses, self._owner, self._in_function
        self._owner = self._owner or name
        self._uses = self._facts.definitions.setdefault(self._owner, set())
        self._in_function = self._in_function or function
        yield
        self._uses, self._owner, self._in_function = before

    def _mark_state(self, name: str) -> None:
        if not self._in_function:
            self._facts.state[self._owner or name] = Mutability.UNKNOWN

    def _assign(self, targets: list[ast.expr], value: ast.expr, *, fresh: bool = True) -> None:
        names = [target for target in targets if isinstance(target, ast.Name | ast.Tuple | ast.List | ast.Starred)]
        for target in targets:
            if target not in names:
                self._store(target)
        followed = len(names) == len(targets) and self._owner is None
        before, self._uses = self._uses, set()
        self._expression(value, How.READ if followed else How.ESCAPE)
        found, self._uses = self._uses, before
        self._uses |= found
        if self._in_function:
            return
        mutability = _mutability(value, self) if fresh else None
        for target in names:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    self._bind(node.id, found, mutability)

    def _bind(self, name: str, uses: set[Use], mutability: Mutability | None) -> None:
        if self._owner is None:
            self._facts.assigned.setdefault(name, set()).update(uses)
        if mutability is not None:
            owner = self._owner or name
            here = mutability if self._owner is None else Mutability.UNKNOWN
            self._facts.state[owner] = min(self._facts.state.get(owner, here), here)

    def _store(self, target: ast.expr) -> None:
        if isinstance(target, ast.Subscript):
            self._expression(target.value, How.STORE)
            self._expression(target.slice, How.READ)
        elif isinstance(target, ast.Name | ast.Attribute):
            if isinstance(target, ast.Name) and not self._in_function and target.id not in self._facts.imports.bound:
                return  # the module's own name, in its own execution
            self._expression(target, How.STORE)
            if isinstance(target, ast.Attribute):
                self._store_attribute(target.value)
        else:
            self._children(target)

    def _store_attribute(self, owner: ast.expr) -> None:
        """Note whose attribute is set: a class's by its methods, a function's or a class's after its definition."""
        chain = dotted(owner)
        if self._owner is not None and self._in_function and self._is_own_class(owner):
            self._facts.state[self._owner] = Mutability.UNKNOWN
        elif not self._in_function and chain is not None and chain[0] in self._facts.definitions:
            self._facts.state[chain[0]] = Mutability.UNKNOWN

    # Expressions

    def _expression(self, node: ast.expr, how: How) -> None:  # noqa: C901, PLR0912  (one branch per kind of expression)
        match node:
            case ast.Constant(value=value):
                if how >= How.ESCAPE and may_name_a_module(value):  # such as mock.patch("shop.nodes.clean")
                    self._uses.add(Use((ABSOLUTE, *str(value).replace(":", ".").split(".")), how))
            case ast.Name() | ast.Attribute():
                self._name(node, how)
            case ast.Call():
                self._call(node, how)
            case ast.Subscript(value=value, slice=index):
                if self._by_text(node, how):
                    return
                if dotted(value) == ("sys", "modules"):
                    if dotted(index) != ("__name__",):
                        self._uses.add(Use(EVERYTHING, How.CALL))
                    return
                if (chain := dotted(value)) is not None and how < How.STORE:
                    self._uses.add(Use((*chain, ITEM), how))
                else:
                    self._expression(value, how)
                self._expression(index, How.READ)
            case ast.Lambda(args=arguments, body=body):
                for default in [*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]:
                    self._expression(default, How.ESCAPE)
                self._expression(body, How.ESCAPE)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehension(node, how)
            case ast.NamedExpr(target=target, value=value):
                self._assign([target], value)
                self._expression(value, how)
            case ast.Yield(value=ast.expr() as value) | ast.YieldFrom(value=value) | ast.Await(value=value):
                self._expression(value, How.ESCAPE)
            case ast.Compare() | ast.JoinedStr() | ast.Slice():
                self._children(node)
            case _:
                for child in _child_expressions(node):
                    self._expression(child, how)

    def _name(self, node: ast.Name | ast.Attribute, how: How) -> None:
        chain = dotted(node)
        if chain is None:
            if isinstance(node, ast.Attribute):
                self._expression(node.value, max(how, How.CALL))
            return
        if "__subclasses__" in chain:
            self._facts.lists_subclasses = True
        self._uses.add(Use(chain, How.STORE if "__dict__" in chain else how))
        if self._is_dynamic(chain):
            self._uses.add(Use(EVERYTHING, How.CALL))

    def _call(self, node: ast.Call, how: How) -> None:
        if self._by_text(node, how):
            return
        chain = dotted(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__subclasses__":
            self._facts.lists_subclasses = True
        self._expression(node.func, How.CALL if how <= How.CALL else How.CALL_AND_KEEP)
        if chain is not None:
            self._note_setting(chain, node)
        given = self._how_given(chain, how)
        for argument in node.args:
            self._expression(argument, given)
        for keyword in node.keywords:
            self._expression(keyword.value, How.ESCAPE if given != How.READ else given)

    def _note_setting(self, chain: tuple[str, ...], call: ast.Call) -> None:
        """Note what a call such as ``setattr(cls, ...)`` or ``globals()`` lets be set."""
        if chain == ("globals",) and self._in_function and self._owner is not None:
            self._facts.state[self._owner] = Mutability.UNKNOWN
        if chain[-1] in _SETTING and call.args:
            self._store_attribute(call.args[0])

    def _how_given(self, chain: tuple[str, ...] | None, how: How) -> How:
        """Return what may happen to what something is called with, if the result is used in some way."""
        if chain is None:
            return How.ESCAPE
        if chain[-1] in _SETTING:
            return How.STORE
        if len(chain) == 1 and chain[0] in _COPYING:
            return how
        if chain[-1] == "partial" and how in (How.CALL, How.CALL_AND_KEEP):
            return How.CALL
        return How.READ if self._is_inert(chain) or (len(chain) == 1 and chain[0] in _LOOKING) else How.ESCAPE

    def _by_text(self, node: ast.Call | ast.Subscript, how: How) -> bool:
        target = imported_by_text(node, self._package)
        if target is not None:
            self._uses.add(Use((ABSOLUTE, *target.split(".")), max(how, How.READ)))
        return target is not None

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, how: How) -> None:
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        conditions = [condition for generator in node.generators for condition in generator.ifs]
        busy = any(
            isinstance(inner, ast.Call | ast.Attribute) for part in parts + conditions for inner in ast.walk(part)
        )
        for generator in node.generators:
            self._expression(generator.iter, max(how, How.ESCAPE if busy else How.READ))
        for part in parts:
            self._expression(part, how)
        for condition in conditions:
            self._expression(condition, How.READ)

    def _is_dynamic(self, chain: tuple[str, ...]) -> bool:
        targets = self._facts.imports.bound.get(chain[0], ())
        if chain[0] in DYNAMIC_BUILTINS and not targets:
            return True
        return chain[:2] == ("sys", "modules") or any(
            target == "sys.modules"
            or (target.partition(".")[0] in DYNAMIC_MODULES and not target.startswith("importlib.metadata"))
            for target in targets
        )

    def _is_inert(self, chain: tuple[str, ...]) -> bool:
        names = [".".join((target, *chain[1:])) for target in self._facts.imports.bound.get(chain[0], ())]
        return bool(names) and all(
            name.startswith(_INERT) and name.rpartition(".")[2] not in _GIVING_BACK for name in names
        )

    def gives_immutable(self, chain: tuple[str, ...] | None) -> bool:
        """Whether calling what a chain of names stands for gives something that can't change."""
        if chain is None:
            return False
        if len(chain) == 1 and chain[0] in _IMMUTABLE_RESULT:
            return True
        return self._is_inert(chain)


def _is_given_class(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method's first argument is its class."""
    return method.name in _OF_CLASSES or any(dotted(each) == ("classmethod",) for each in method.decorator_list)


def _mutability(value: ast.expr, reader: _UseReader) -> Mutability | None:  # noqa: PLR0911  (one per kind of value)
    """Tell what a value is; None for one that can't change, or that is another's."""
    children = [_mutability(child, reader) for child in _child_expressions(value)]
    if isinstance(value, ast.List | ast.Dict | ast.Set):
        if Mutability.UNKNOWN in children:
            return Mutability.UNKNOWN
        return Mutability.FLAT if all(_is_constant(child) for child in _child_expressions(value)) else Mutability.NESTED
    if isinstance(value, ast.ListComp | ast.DictComp | ast.SetComp):
        return Mutability.UNKNOWN if Mutability.UNKNOWN in children else Mutability.NESTED
    if isinstance(value, ast.Call):
        chain = dotted(value.func)
        if chain is not None and len(chain) == 1 and chain[0] in {"list", "dict", "set", "sorted"}:
            return Mutability.NESTED
        return None if reader.gives_immutable(chain) else Mutability.UNKNOWN
    if isinstance(value, ast.GeneratorExp | ast.Await | ast.Yield | ast.YieldFrom):
        return Mutability.UNKNOWN
    if isinstance(value, _OF_ANOTHER):
        return None
    return min((child for child in children if child is not None), default=None)


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.UnaryOp):
        return all(_is_constant(child) for child in _child_expressions(node))
    return isinstance(node, ast.Constant)


def _child_expressions(node: ast.AST) -> list[ast.expr]:
    return [child for child in child_nodes(node) if isinstance(child, ast.expr)]

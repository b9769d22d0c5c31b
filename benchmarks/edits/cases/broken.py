"""Edits that break a project, and the ones that mend it."""

from case import Case, Edit

NODES = "src/shop/nodes.py"
SALES = "src/shop/pipelines/sales/pipeline.py"
OLD = "assert clean([1]) == nodes.clean([1]) == [2]"
NEW = "assert clean([1]) == nodes.clean([1]) == 'mended'"
MENDED = "def clean(rows):\n    return 'mended'\n"
IMPORTS = "from shop import nodes\nfrom shop.nodes import clean"
PIPELINES = "functions = {node.name: node.func for node in pipelines['__default__'].nodes}\n"
OLD_PIPELINES = PIPELINES + "assert list(pipelines) and functions['clean']([1]) == [2]"
NEW_PIPELINES = PIPELINES + "assert functions['clean']([1]) == 'mended'"


def _broken(name: str, edit: dict[str, str | None], breaks: str, mend: dict[str, str | None]) -> Case:
    """Break modules and mend them; the notebook has names from them."""
    return Case(name, (Edit(edit, OLD, breaks=breaks), Edit(mend, NEW)), imports=IMPORTS)


def _broken_project(
    name: str,
    edit: dict[str, str | None],
    breaks: str,
    mend: dict[str, str | None],
    old: str = OLD_PIPELINES,
    new: str = NEW_PIPELINES,
) -> Case:
    """Break and mend what a project defines."""
    return Case(name, (Edit(edit, old, breaks=breaks), Edit(mend, new)), project=True)


CASES = (
    _broken("broken: syntax error", {NODES: "def clean(rows:\n    return 1\n"}, "SyntaxError", {NODES: MENDED}),
    _broken(
        "broken: exception at import, after the first definitions",
        {NODES: "RATE = 5\n\ndef clean(rows):\n    return 'half'\n\n1 / 0\n"},
        "ZeroDivisionError",
        {NODES: MENDED},
    ),
    Case(
        "broken: the second of two edited modules",
        (
            Edit(
                {"src/shop/limits.py": "LOW = 'half'\n", NODES: "from shop import limits\nRATE = limits.NO_SUCH\n"},
                OLD + "\nassert limits.LOW == LOW == 1",
                breaks="AttributeError",
            ),
            Edit(
                {NODES: "from shop import limits\n\ndef clean(rows):\n    return 'mended'\n"},
                NEW + "\nassert LOW == 'half'",
            ),
        ),
        files={
            "src/shop/limits.py": "LOW = 1\n",
            NODES: "from shop import limits\n\ndef clean(rows):\n    return [row * 2 for row in rows]\n",
        },
        imports=IMPORTS + "\nfrom shop import limits\nfrom shop.limits import LOW",
    ),
    _broken(
        "broken: a function that another module imports is renamed",
        {NODES: "def tidy(rows):\n    return 'new'\n"},
        "ImportError",
        {NODES: MENDED},
    ),
    Case(
        "broken: a module that another imports is removed",
        (
            Edit({"src/shop/limits.py": None}, OLD, breaks="ModuleNotFoundError"),
            Edit({NODES: MENDED}, NEW),
        ),
        files={
            "src/shop/limits.py": "RATE = 2\n",
            NODES: "from shop.limits import RATE\n\ndef clean(rows):\n    return [row * RATE for row in rows]\n",
        },
        imports=IMPORTS,
    ),
    _broken_project(
        "broken: a pipeline's module raises",
        {SALES: "raise RuntimeError('no pipeline')\n"},
        "RuntimeError",
        {
            SALES: "from ipyproject import Node, Pipeline\nfrom shop.nodes import clean\n\n"
            "def create_pipeline(**kwargs):\n    return Pipeline([Node(clean, 'rows', 'cleaned', name='clean')])\n",
            NODES: MENDED,
        },
    ),
    _broken_project(
        "broken: create_pipeline raises",
        {SALES: "def create_pipeline(**kwargs):\n    raise KeyError('rows')\n"},
        "KeyError",
        {
            SALES: "from ipyproject import Node, Pipeline\nfrom shop.nodes import clean\n\n"
            "def create_pipeline(**kwargs):\n    return Pipeline([Node(clean, 'rows', 'cleaned', name='clean')])\n",
            NODES: MENDED,
        },
    ),
    _broken_project(
        "broken: a second pipeline does not import, the first is edited",
        {
            "src/shop/pipelines/stock/__init__.py": "import no_such_library\n",
            NODES: "def clean(rows):\n    return 'half'\n",
        },
        "no_such_library",
        {
            "src/shop/pipelines/stock/__init__.py": "from ipyproject import Node, Pipeline\n\n"
            "def create_pipeline(**kwargs):\n    return Pipeline([Node(len, 'rows', 'stock', name='count')])\n",
            NODES: MENDED,
        },
    ),
    _broken_project(
        "broken: the settings",
        {"src/shop/settings.py": "import no_such_library\n"},
        "no_such_library",
        {"src/shop/settings.py": "", NODES: MENDED},
    ),
    _broken_project(
        "broken: YAML of parameters, and code edited with it",
        {"conf/base/parameters.yml": "rate: [1\n", NODES: MENDED},
        "parameters.yml",
        {"conf/base/parameters.yml": "rate: 3\n"},
        old=OLD_PIPELINES + "\nassert context.params['rate'] == 2",
        new=NEW_PIPELINES + "\nassert context.params['rate'] == 3",
    ),
    _broken_project(
        "broken: a hook raises",
        {
            "src/shop/hooks.py": "from ipyproject import hook_impl\n\nclass Notes:\n    @hook_impl\n"
            "    def after_catalog_created(self, catalog):\n        raise LookupError('hook')\n",
            "src/shop/settings.py": "from shop.hooks import Notes\n\nHOOKS = (Notes(),)\n",
            NODES: MENDED,
        },
        "LookupError",
        {"src/shop/settings.py": ""},
    ),
)

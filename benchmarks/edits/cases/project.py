"""What a project defines beside its modules: pipelines, parameters, catalog, settings, hooks."""

from case import BASE, project_case

PARAMETERS = "conf/base/parameters.yml"
CATALOG = "conf/base/catalog.yml"
SALES = "src/shop/pipelines/sales/pipeline.py"
FUNCTIONS = "functions = {node.name: node.func for node in pipelines['__default__'].nodes}\n"
STOCK = """
    from ipyproject import Node, Pipeline

    def count(rows):
        return len(rows)

    def create_pipeline(**kwargs):
        return Pipeline([Node(count, "rows", "stock", name="count")])
    """
HOOKS = """
    from ipyproject import hook_impl

    class Notes:
        @hook_impl
        def after_catalog_created(self, catalog):
            catalog["greeting"] = "{text}"
    """
CASES = (
    project_case(
        "pipelines: a node's function",
        {"src/shop/nodes.py": "def clean(rows):\n    return 'new'\n"},
        FUNCTIONS + "assert functions['clean']([1]) == 'new'",
    ),
    project_case(
        "pipelines: what a node's function imports",
        {"src/shop/rates.py": "RATE = 5\n"},
        FUNCTIONS + "assert functions['clean']([1]) == [5]",
        files={
            "src/shop/rates.py": "RATE = 2\n",
            "src/shop/nodes.py": "from shop.rates import RATE\n\ndef clean(rows):\n    return [row * RATE for row in rows]\n",
        },
    ),
    project_case(
        "pipelines: a node is added",
        {
            SALES: """
                from ipyproject import Node, Pipeline
                from shop.nodes import clean

                def create_pipeline(**kwargs):
                    return Pipeline([
                        Node(clean, "rows", "cleaned", name="clean"),
                        Node(sum, "cleaned", "total", name="add_up"),
                    ])
                """
        },
        FUNCTIONS + "assert sorted(functions) == ['add_up', 'clean']",
    ),
    project_case(
        "pipelines: a node's function moves to another module",
        {
            "src/shop/nodes.py": "RATE = 2\n",
            "src/shop/cleaning.py": "def clean(rows):\n    return 'moved'\n",
            SALES: """
                from ipyproject import Node, Pipeline
                from shop.cleaning import clean

                def create_pipeline(**kwargs):
                    return Pipeline([Node(clean, "rows", "cleaned", name="clean")])
                """,
        },
        FUNCTIONS + "assert functions['clean'].__module__ == 'shop.cleaning' and functions['clean'](0) == 'moved'",
    ),
    project_case(
        "pipelines: a new one is found",
        {"src/shop/pipelines/stock/__init__.py": STOCK},
        FUNCTIONS + "assert sorted(pipelines) == ['__default__', 'sales', 'stock'] and 'count' in functions",
    ),
    project_case(
        "pipelines: one is removed",
        {"src/shop/pipelines/stock/__init__.py": None},
        FUNCTIONS + "assert sorted(pipelines) == ['__default__', 'sales'] and sorted(functions) == ['clean']",
        files={"src/shop/pipelines/stock/__init__.py": STOCK},
    ),
    project_case(
        "pipelines: the registry names one more",
        {
            "src/shop/pipeline_registry.py": """
                from ipyproject import find_pipelines

                def register_pipelines():
                    pipelines = find_pipelines()
                    return pipelines | {"__default__": sum(pipelines.values()), "daily": pipelines["sales"]}
                """
        },
        "assert 'daily' in pipelines",
    ),
    project_case(
        "parameters: values and a nested one",
        {PARAMETERS: "rate: 3\nmodel: {penalty: 0.1, columns: [mass]}\n"},
        "assert context.params['rate'] == 3 and context.params['model'] == {'penalty': 0.1, 'columns': ['mass']}\n"
        "assert catalog.load('params:model.penalty') == 0.1",
    ),
    project_case(
        "parameters: a file is added",
        {"conf/base/parameters_stock.yml": "stock: {limit: 10}\n"},
        "assert context.params['stock']['limit'] == 10 and context.params['rate'] == 2",
    ),
    project_case(
        "parameters: a file is removed",
        {"conf/base/parameters_stock.yml": None},
        "assert 'stock' not in context.params and 'params:stock' not in list(catalog)",
        files={"conf/base/parameters_stock.yml": "stock: {limit: 10}\n"},
    ),
    project_case(
        "parameters: a reference to globals",
        {"conf/base/globals.yml": "factor: 7\n"},
        "assert context.params['rate'] == 7",
        files={"conf/base/globals.yml": "factor: 1\n", PARAMETERS: "rate: ${globals:factor}\n"},
    ),
    project_case(
        "parameters: a file of the environment",
        {"conf/local/parameters.yml": "rate: 9\n"},
        "assert context.params['rate'] == 9 and context.params['model']['penalty'] == 0.5",
    ),
    project_case(
        "catalog: an entry is changed, one added, one removed",
        {CATALOG: "note: {type: shop.datasets.Note, text: new}\nmore: {type: shop.datasets.Note, text: more}\n"},
        "assert catalog.load('note') == 'new' and catalog.load('more') == 'more' and 'kept' not in list(catalog)",
    ),
    project_case(
        "catalog: an entry of the environment",
        {"conf/local/catalog.yml": "note: {type: shop.datasets.Note, text: local}\n"},
        "assert catalog.load('note') == 'local'",
    ),
    project_case(
        "catalog: the project's own dataset class",
        {"src/shop/datasets.py": BASE["src/shop/datasets.py"].replace("return self._text", "return self._text + '!'")},
        "assert catalog.load('note') == 'old!'",
    ),
    project_case(
        "catalog: data in memory is kept while parameters change",
        {PARAMETERS: "rate: 3\n"},
        "assert catalog.load('kept') == 'mine' and context.params['rate'] == 3",
        own="catalog.save('kept', 'mine')",
        not_offered=("kedro",),
    ),
    project_case(
        "catalog: data in memory is kept while code changes",
        {"src/shop/nodes.py": "def clean(rows):\n    return 'new'\n"},
        FUNCTIONS + "assert catalog.load('kept') == 'mine' and functions['clean'](0) == 'new'",
        own="catalog.save('kept', 'mine')",
        not_offered=("kedro",),
    ),
    project_case(
        "settings: another default environment",
        {"src/shop/settings.py": 'CONFIG = {"default_env": "prod"}\n'},
        "assert context.params['rate'] == 100",
        files={"conf/prod/parameters.yml": "rate: 100\n"},
    ),
    project_case(
        "hooks: one is changed",
        {"src/shop/hooks.py": HOOKS.format(text="new")},
        "assert catalog.load('greeting') == 'new'",
        files={
            "src/shop/hooks.py": HOOKS.format(text="old"),
            "src/shop/settings.py": "from shop.hooks import Notes\n\nHOOKS = (Notes(),)\n",
        },
    ),
    project_case(
        "hooks: one is added to the settings",
        {
            "src/shop/hooks.py": HOOKS.format(text="hello"),
            "src/shop/settings.py": "from shop.hooks import Notes\n\nHOOKS = (Notes(),)\n",
        },
        "assert catalog.load('greeting') == 'hello'",
    ),
    project_case(
        "hooks: one is removed from the settings",
        {"src/shop/settings.py": ""},
        "assert 'greeting' not in list(catalog)",
        files={
            "src/shop/hooks.py": HOOKS.format(text="old"),
            "src/shop/settings.py": "from shop.hooks import Notes\n\nHOOKS = (Notes(),)\n",
        },
    ),
)

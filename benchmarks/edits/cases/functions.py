"""Functions, and what is made of them."""

from case import case

REPORT = "src/shop/report.py"

CASES = (
    case(
        "function: body",
        {},
        {"src/shop/nodes.py": "def clean(rows):\n    return sorted(rows)\n"},
        "assert clean([2, 1]) == nodes.clean([2, 1]) == [1, 2]",
        imports="from shop.nodes import clean\nimport shop.nodes as nodes",
    ),
    case(
        "function: default argument",
        {REPORT: "def total(rows, scale=1):\n    return sum(rows) * scale\n"},
        {REPORT: "def total(rows, scale=3):\n    return sum(rows) * scale\n"},
        "assert total([1, 2]) == 9",
        imports="from shop.report import total",
    ),
    case(
        "function: one more argument, by keyword only",
        {REPORT: "def total(rows):\n    return sum(rows)\n"},
        {REPORT: "def total(rows, *, scale=2):\n    return sum(rows) * scale\n"},
        "assert total([1]) == 2 and total([1], scale=5) == 5",
        imports="from shop.report import total",
    ),
    case(
        "function: imported under another name",
        {REPORT: "def total(rows):\n    return sum(rows)\n"},
        {REPORT: "def total(rows):\n    return max(rows)\n"},
        "assert add_up([1, 2]) == alias([1, 2]) == 2",
        imports="from shop.report import total as add_up\nalias = add_up",
    ),
    case(
        "function: removed",
        {REPORT: "def total(rows):\n    return sum(rows)\n\ndef mean(rows):\n    return 0\n"},
        {REPORT: "def total(rows):\n    return sum(rows)\n"},
        "assert not hasattr(report, 'mean') and report.total([1]) == 1",
        imports="import shop.report as report",
        used="from shop.report import mean",
    ),
    case(
        "function: renamed",
        {REPORT: "def total(rows):\n    return sum(rows)\n"},
        {REPORT: "def add_up(rows):\n    return sum(rows)\n"},
        "assert report.add_up([1, 2]) == 3 and not hasattr(report, 'total')",
        imports="from shop import report",
    ),
    case(
        "function: a decorator is added",
        {REPORT: "def loud(f):\n    return lambda rows: f(rows) * 10\n\ndef total(rows):\n    return sum(rows)\n"},
        {
            REPORT: "def loud(f):\n    return lambda rows: f(rows) * 10\n\n@loud\ndef total(rows):\n    return sum(rows)\n"
        },
        "assert total([1, 2]) == 30",
        imports="from shop.report import total",
    ),
    case(
        "function: its decorator, in another module",
        {
            "src/shop/scaling.py": "def scaled(f):\n    return lambda rows: f(rows) * 2\n",
            REPORT: "from shop.scaling import scaled\n\n@scaled\ndef total(rows):\n    return sum(rows)\n",
        },
        {"src/shop/scaling.py": "def scaled(f):\n    return lambda rows: f(rows) * 3\n"},
        "assert total([1, 2]) == 9",
        imports="from shop.report import total",
    ),
    case(
        "function: a parametrised decorator with functools.wraps",
        {
            REPORT: """
                import functools

                def times(factor):
                    def decorate(f):
                        @functools.wraps(f)
                        def inner(rows):
                            return f(rows) * factor
                        return inner
                    return decorate

                @times(2)
                def total(rows):
                    return sum(rows)
                """
        },
        {
            REPORT: """
                import functools

                def times(factor):
                    def decorate(f):
                        @functools.wraps(f)
                        def inner(rows):
                            return f(rows) * factor
                        return inner
                    return decorate

                @times(5)
                def total(rows):
                    return sum(rows)
                """
        },
        "assert total([1]) == 5",
        imports="from shop.report import total",
    ),
    case(
        "function: made by a function, with a closure",
        {REPORT: "def times(n):\n    def scale(x):\n        return x * n\n    return scale\n\ndouble = times(2)\n"},
        {REPORT: "def times(n):\n    def scale(x):\n        return x * n\n    return scale\n\ndouble = times(20)\n"},
        "assert double(1) == 20",
        imports="from shop.report import double",
    ),
    case(
        "function: functools.partial of one in an edited module",
        {
            "src/shop/scaling.py": "def scale(x, by):\n    return x * by\n",
            REPORT: "from functools import partial\nfrom shop.scaling import scale\n\ndouble = partial(scale, by=2)\n",
        },
        {"src/shop/scaling.py": "def scale(x, by):\n    return [x] * by\n"},
        "assert double(1) == [1, 1]",
        imports="from shop.report import double",
    ),
    case(
        "function: lambdas in a dict",
        {REPORT: "STEPS = {'scale': lambda x: x * 2, 'drop': lambda x: None}\n"},
        {REPORT: "STEPS = {'scale': lambda x: x * 3}\n"},
        "assert STEPS['scale'](1) == 3 and 'drop' not in STEPS",
        imports="from shop.report import STEPS",
    ),
    case(
        "function: becomes a generator",
        {REPORT: "def rows():\n    return [1, 2]\n"},
        {REPORT: "def rows():\n    yield 3\n"},
        "import types\nassert isinstance(rows(), types.GeneratorType) and list(rows()) == [3]",
        imports="from shop.report import rows",
    ),
    case(
        "function: becomes a class",
        {REPORT: "def Table(rows):\n    return list(rows)\n"},
        {REPORT: "class Table:\n    def __init__(self, rows):\n        self.rows = rows\n"},
        "assert isinstance(Table, type) and Table([1]).rows == [1]",
        imports="from shop.report import Table",
    ),
    case(
        "function: moved to another module",
        {REPORT: "def total(rows):\n    return sum(rows)\n\ndef other():\n    return 1\n"},
        {
            REPORT: "from shop.sums import total\n\ndef other():\n    return 1\n",
            "src/shop/sums.py": "def total(rows):\n    return sum(rows) + 1\n",
        },
        "import shop.sums\nassert total([1]) == 2 and total is shop.sums.total",
        imports="from shop.report import total",
    ),
    case(
        "function: singledispatch loses an implementation",
        {
            "src/shop/convert.py": """
                from functools import singledispatch

                @singledispatch
                def convert(value):
                    return "any"
                """,
            REPORT: """
                from shop.convert import convert

                @convert.register
                def _(value: int):
                    return "int"

                @convert.register
                def _(value: str):
                    return "str"
                """,
        },
        {
            REPORT: """
                from shop.convert import convert

                @convert.register
                def _(value: str):
                    return "text"
                """
        },
        "assert (convert(1), convert('a')) == ('any', 'text')",
        imports="import shop.report\nfrom shop.convert import convert",
    ),
    case(
        "function: lru_cache of an edited module is cleared",
        {REPORT: "from functools import lru_cache\n\n@lru_cache\ndef slow(x):\n    return x\n"},
        {REPORT: "from functools import lru_cache\n\n@lru_cache\ndef slow(x):\n    return x * 10\n"},
        "assert slow.cache_info().currsize == 0 and slow(2) == 20",
        imports="from shop.report import slow",
        used="slow(2)",
    ),
    case(
        "function: lru_cache of an untouched module is kept",
        {
            REPORT: "def total(rows):\n    return sum(rows)\n",
            "src/shop/tables.py": "from functools import lru_cache\n\n@lru_cache\ndef slow(x):\n    return object()\n",
        },
        {REPORT: "def total(rows):\n    return max(rows)\n"},
        "assert total([1, 2]) == 2 and tables.slow(1) is kept and tables.slow.cache_info().misses == 1",
        imports="from shop.report import total\nimport shop.tables as tables",
        own="kept = tables.slow(1)",
    ),
    case(
        "function: lru_cache on what an edited module computes",
        {
            REPORT: "from functools import lru_cache\nfrom shop import nodes\n\n@lru_cache\ndef rate():\n    return nodes.RATE\n"
        },
        {"src/shop/nodes.py": "RATE = 3\n\ndef clean(rows):\n    return rows\n"},
        "assert rate() == 3",
        imports="from shop.report import rate",
        used="rate()",
    ),
)

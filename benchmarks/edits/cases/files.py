"""Files that come, go, move, or are written when a clock can't tell."""

from case import case

ONE = "def total(rows):\n    return 1\n"
TWO = "def total(rows):\n    return 2\n"
REPORT = "src/shop/report.py"

CASES = (
    case(
        "file: same size, same second",
        {REPORT: ONE},
        {REPORT: TWO},
        "assert total([]) == report.total([]) == 2",
        imports="from shop import report\nfrom shop.report import total",
        seconds=0.5,
    ),
    case(
        "file: older than what was loaded (a checkout, a restored copy)",
        {REPORT: ONE},
        {REPORT: "def total(rows):\n    return 'restored'\n"},
        "assert total([]) == 'restored'",
        imports="from shop.report import total",
        seconds=-5000,
    ),
    case(
        "file: two edited together, one needs the other",
        {
            REPORT: "from shop.sums import add_up\n\ndef total(rows):\n    return add_up(rows)\n",
            "src/shop/sums.py": "def add_up(rows):\n    return sum(rows)\n",
        },
        {
            REPORT: "from shop.sums import weigh\n\ndef total(rows):\n    return weigh(rows, 2)\n",
            "src/shop/sums.py": "def weigh(rows, by):\n    return sum(rows) * by\n",
        },
        "assert total([1]) == 2",
        imports="from shop.report import total",
    ),
    case(
        "file: new, imported by an edited module",
        {REPORT: ONE},
        {
            REPORT: "from shop.fresh import VALUE\n\ndef total(rows):\n    return VALUE\n",
            "src/shop/fresh.py": "VALUE = 7\n",
        },
        "assert total([]) == 7",
        imports="from shop.report import total",
    ),
    case(
        "module: removed",
        {REPORT: ONE, "src/shop/sums.py": "VALUE = 1\n"},
        {REPORT: None, "src/shop/sums.py": "VALUE = 2\n"},
        """
try:
    import shop.report
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("shop.report can still be imported")
assert sums.VALUE == 2 and not hasattr(shop, "report")
""",
        imports="import shop\nfrom shop import sums",
        used="import shop.report as report",
    ),
    case(
        "module: renamed",
        {REPORT: ONE, "src/shop/api.py": "from shop.report import total\n"},
        {"src/shop/api.py": "from shop.reporting import total\n"},
        """
import importlib.util
assert importlib.util.find_spec("shop.report") is None
assert total.__module__ == "shop.reporting" and not hasattr(shop, "report")
""",
        imports="import shop\nfrom shop.api import total",
        moved={REPORT: "src/shop/reporting.py"},
    ),
    case(
        "module: removed, its package has a function of that name",
        {REPORT: ONE},
        {REPORT: None, "src/shop/__init__.py": "def report():\n    return 'function'\n"},
        "assert report() == 'function'",
        imports="from shop import report",
    ),
    case(
        "module: two exchanged, times kept",
        {"src/shop/a.py": "NAME = 'a'\n", "src/shop/b.py": "NAME = 'b'\n"},
        {},
        "assert (a.NAME, b.NAME) == ('b', 'a')",
        imports="from shop import a, b",
        moved={"src/shop/a.py": "src/shop/c.py", "src/shop/b.py": "src/shop/a.py", "src/shop/c.py": "src/shop/b.py"},
    ),
    case(
        "module: becomes a package",
        {REPORT: ONE, "src/shop/api.py": "from shop.report import total\n"},
        {"src/shop/report/extra.py": "VALUE = 5\n"},
        "from shop.report.extra import VALUE\nassert total([]) == 1 and VALUE == 5 and hasattr(report, '__path__')",
        imports="from shop import report\nfrom shop.api import total",
        moved={REPORT: "src/shop/report/__init__.py"},
    ),
    case(
        "package: becomes a module",
        {
            "src/shop/report/__init__.py": "from shop.report.sums import VALUE\n",
            "src/shop/report/sums.py": "VALUE = 1\n",
        },
        {"src/shop/report/__init__.py": None, "src/shop/report/sums.py": None, REPORT: "VALUE = 2\n"},
        """
import importlib.util
assert VALUE == report.VALUE == 2 and not hasattr(report, "__path__") and not hasattr(report, "sums")
""",
        imports="from shop import report\nfrom shop.report import VALUE",
    ),
    case(
        "package: renamed, with all in it",
        {
            "src/shop/old/__init__.py": "",
            "src/shop/old/sums.py": ONE,
            "src/shop/api.py": "from shop.old.sums import total\n",
        },
        {"src/shop/api.py": "from shop.new.sums import total\n"},
        """
import sys
assert total.__module__ == "shop.new.sums", "the name is bound to the old function"
assert not hasattr(shop, "old"), "shop.old is an attribute still"
assert not [name for name in sys.modules if name.startswith("shop.old")], "shop.old is loaded still"
""",
        imports="import shop\nfrom shop.api import total",
        moved={"src/shop/old/__init__.py": "src/shop/new/__init__.py", "src/shop/old/sums.py": "src/shop/new/sums.py"},
    ),
    case(
        "file: lines moved, as inspect and tracebacks show them",
        {REPORT: ONE},
        {REPORT: "# A comment.\n\n\n" + ONE},
        "import inspect\nassert inspect.getsource(total).startswith('def total') and total.__code__.co_firstlineno == 4",
        imports="from shop.report import total",
        used="import inspect; inspect.getsource(total)",
    ),
)

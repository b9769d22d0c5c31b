"""Ways in which modules import each other."""

from case import case

TOTAL = "def total(rows):\n    return sum(rows)\n"
NEW_TOTAL = "def total(rows):\n    return 'new'\n"
REPORT = "src/shop/report.py"
API = "src/shop/api/__init__.py"

CASES = (
    case(
        "import: re-exported by __init__",
        {"src/shop/__init__.py": "from shop.report import total\n", REPORT: TOTAL},
        {REPORT: NEW_TOTAL},
        "assert total([]) == shop.total([]) == 'new'",
        imports="import shop\nfrom shop import total",
    ),
    case(
        "import: a re-export is added to __init__ and one removed",
        {API: "from shop.report import total\n", REPORT: TOTAL + "\ndef mean(rows):\n    return 1\n"},
        {API: "from shop.report import mean\n"},
        "assert api.mean([]) == 1 and not hasattr(api, 'total')",
        imports="import shop.api as api",
    ),
    case(
        "import: with * in a module",
        {API: "from shop.report import *\n", REPORT: TOTAL + "\ndef mean(rows):\n    return 1\n"},
        {REPORT: NEW_TOTAL + "\ndef median(rows):\n    return 2\n"},
        "assert api.total([]) == 'new' and api.median([]) == 2 and not hasattr(api, 'mean')",
        imports="import shop.api as api",
    ),
    case(
        "import: __all__ of what is imported with *",
        {API: "from shop.report import *\n", REPORT: "__all__ = ['a']\na, b = 1, 2\n"},
        {REPORT: "__all__ = ['b']\na, b = 1, 2\n"},
        "assert api.b == 2 and not hasattr(api, 'a')",
        imports="import shop.api as api",
    ),
    case(
        "import: relative",
        {
            "src/shop/core/__init__.py": "from .sums import total\n",
            "src/shop/core/sums.py": "from ..limits import LIMIT\nfrom . import scale\n\ndef total():\n    return LIMIT * scale.BY\n",
            "src/shop/core/scale.py": "BY = 1\n",
            "src/shop/limits.py": "LIMIT = 10\n",
        },
        {"src/shop/core/scale.py": "BY = 2\n", "src/shop/limits.py": "LIMIT = 100\n"},
        "assert total() == 200",
        imports="from shop.core import total",
    ),
    case(
        "import: what a package re-exports comes from elsewhere",
        {
            API: "from shop.report import total\n",
            REPORT: TOTAL,
            "src/shop/fast.py": "def total(rows):\n    return 'fast'\n",
        },
        {API: "from shop.fast import total\n"},
        "assert total([1]) == 'fast' and report.total([1]) == 1",
        imports="from shop.api import total\nfrom shop import report",
    ),
    case(
        "import: in a condition, the first choice appears",
        {
            "src/shop/api.py": "try:\n    from shop.fast import total\nexcept ImportError:\n    from shop.report import total\n",
            REPORT: TOTAL,
        },
        {"src/shop/fast.py": "def total(rows):\n    return 'fast'\n"},
        "assert total([1]) == 'fast'",
        imports="from shop.api import total",
    ),
    case(
        "import: in a condition, the first choice goes",
        {
            "src/shop/api.py": "try:\n    from shop.fast import total\nexcept ImportError:\n    from shop.report import total\n",
            REPORT: TOTAL,
            "src/shop/fast.py": "def total(rows):\n    return 'fast'\n",
        },
        {"src/shop/fast.py": None},
        "assert total([1]) == 1",
        imports="from shop.api import total",
    ),
    case(
        "import: in a function",
        {
            "src/shop/api.py": "def total():\n    from shop.late import VALUE\n    return VALUE\n",
            "src/shop/late.py": "VALUE = 1\n",
        },
        {"src/shop/late.py": "VALUE = 'new'\n"},
        "assert total() == 'new'",
        imports="from shop.api import total",
        used="total()",
    ),
    case(
        "import: module __getattr__",
        {
            API: """
                from importlib import import_module

                def __getattr__(name):
                    if name.startswith("_"):
                        raise AttributeError(name)
                    value = getattr(import_module("shop.report"), name)
                    globals()[name] = value
                    return value
                """,
            REPORT: TOTAL,
        },
        {REPORT: NEW_TOTAL},
        "assert api.total([1]) == total([1]) == 'new'",
        imports="import shop.api as api\nfrom shop.api import total",
    ),
    case(
        "import: circular",
        {
            "src/shop/orders.py": "from shop import customers\n\nclass Order:\n    buyer = lambda self: customers.Customer()\n",
            "src/shop/customers.py": "from shop import orders\n\nclass Customer:\n    order = lambda self: orders.Order()\n",
        },
        {
            "src/shop/customers.py": "from shop import orders\n\nclass Customer:\n    vip = True\n    order = lambda self: orders.Order()\n",
        },
        "assert Order().buyer().vip and type(Order().buyer()) is Customer and type(Customer().order()) is Order",
        imports="from shop.orders import Order\nfrom shop.customers import Customer",
    ),
    case(
        "import: plug-ins found by pkgutil",
        {
            "src/shop/plugins/__init__.py": """
                from importlib import import_module
                from pkgutil import iter_modules

                NAMES = {}
                for info in iter_modules(__path__):
                    NAMES[info.name] = import_module(f"{__name__}.{info.name}").VALUE
                """,
            "src/shop/plugins/one.py": "VALUE = 1\n",
            "src/shop/plugins/two.py": "VALUE = 2\n",
        },
        {
            "src/shop/plugins/one.py": "VALUE = 11\n",
            "src/shop/plugins/two.py": None,
            "src/shop/plugins/three.py": "VALUE = 3\n",
        },
        "assert NAMES == {'one': 11, 'three': 3}",
        imports="from shop.plugins import NAMES",
    ),
    case(
        "import: package without __init__",
        {"src/shop/loose/sums.py": TOTAL},
        {"src/shop/loose/sums.py": NEW_TOTAL, "src/shop/loose/more.py": "MORE = 1\n"},
        "from shop.loose.more import MORE\nassert total([1]) == 'new' and MORE == 1",
        imports="from shop.loose.sums import total",
    ),
    case(
        "import: a second package of the project",
        {
            "src/lab/__init__.py": "",
            "src/lab/trial.py": "from shop.nodes import clean\n\ndef trial():\n    return clean([1])\n",
        },
        {"src/shop/nodes.py": "def clean(rows):\n    return 'new'\n", "src/lab/notes.py": "NOTE = 1\n"},
        "assert trial() == 'new'",
        imports="from lab.trial import trial",
    ),
)

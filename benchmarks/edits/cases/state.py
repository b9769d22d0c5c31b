"""What modules hold: registries, caches, connections, data read at import."""

from case import case

REGISTRY = "src/shop/registry.py"
STEPS = "src/shop/steps.py"
REGISTER = """
    STEPS = {}
    ORDER = []

    def step(f):
        STEPS[f.__name__] = f
        ORDER.append(f.__name__)
        return f
    """

CASES = (
    case(
        "state: decorator registry, a function removed and one added",
        {
            REGISTRY: REGISTER,
            STEPS: "from shop.registry import step\n\n@step\ndef a():\n    return 1\n\n@step\ndef b():\n    return 2\n",
        },
        {STEPS: "from shop.registry import step\n\n@step\ndef a():\n    return 10\n\n@step\ndef c():\n    return 3\n"},
        "assert sorted(STEPS) == ['a', 'c'] and STEPS['a']() == 10 and ORDER == ['a', 'c']",
        imports="import shop.steps\nfrom shop.registry import ORDER, STEPS",
    ),
    case(
        "state: registry of two modules, one edited",
        {
            REGISTRY: REGISTER,
            STEPS: "from shop.registry import step\n\n@step\ndef a():\n    return 1\n",
            "src/shop/more.py": "from shop.registry import step\n\n@step\ndef z():\n    return 26\n",
        },
        {STEPS: "from shop.registry import step\n\n@step\ndef b():\n    return 2\n"},
        "assert sorted(registry.STEPS) == ['b', 'z'] and sorted(registry.ORDER) == ['b', 'z']",
        imports="import shop.steps, shop.more\nfrom shop import registry",
    ),
    case(
        "state: registry module itself edited",
        {REGISTRY: REGISTER, STEPS: "from shop.registry import step\n\n@step\ndef a():\n    return 1\n"},
        {REGISTRY: REGISTER + "\n    NEW = True\n"},
        "assert registry.NEW and registry.STEPS == {'a': shop.steps.a} and registry.ORDER == ['a']",
        imports="import shop.steps\nfrom shop import registry",
    ),
    case(
        "state: a class as registry",
        {
            REGISTRY: """
                class Registry:
                    def __init__(self):
                        self.names = []

                    def add(self, name):
                        self.names.append(name)

                registry = Registry()
                """,
            STEPS: "from shop.registry import registry\n\nregistry.add('a')\nregistry.add('b')\n",
        },
        {STEPS: "from shop.registry import registry\n\nregistry.add('c')\n"},
        "assert registry.names == ['c']",
        imports="import shop.steps\nfrom shop.registry import registry",
    ),
    case(
        "state: one module sets an attribute of another, then no more",
        {
            REGISTRY: "HANDLER = None\n",
            STEPS: "from shop import registry\n\ndef handle():\n    return 1\n\nregistry.HANDLER = handle\n",
        },
        {STEPS: "def handle():\n    return 2\n"},
        "assert registry.HANDLER is None and shop.steps.handle() == 2",
        imports="import shop.steps\nfrom shop import registry",
    ),
    case(
        "state: cache of an edited module is dropped",
        {STEPS: "CACHE = {}\n\ndef cached(x):\n    return CACHE.setdefault(x, x * 2)\n"},
        {STEPS: "CACHE = {}\n\ndef cached(x):\n    return CACHE.setdefault(x, x * 3)\n"},
        "assert steps.CACHE == {} and steps.cached(1) == 3",
        imports="from shop import steps",
        used="steps.cached(1)",
    ),
    case(
        "state: connection of an untouched module is kept",
        {"src/shop/database.py": "class Connection:\n    pass\n\nCONNECTION = Connection()\n"},
        {"src/shop/nodes.py": "RATE = 3\n\ndef clean(rows):\n    return rows\n"},
        "assert database.CONNECTION is kept and type(kept) is database.Connection and nodes.RATE == 3",
        imports="from shop import database, nodes",
        own="kept = database.CONNECTION",
    ),
    case(
        "state: a package beside, whose name begins alike",
        {
            "src/shop_utils/__init__.py": "",
            "src/shop_utils/cache.py": "CACHE = {}\n",
        },
        {"src/shop/nodes.py": "RATE = 3\n\ndef clean(rows):\n    return rows\n"},
        "assert shop_utils.cache.CACHE == {'warm': 1} and sys.modules['shop_utils.cache'] is cache and nodes.RATE == 3",
        imports="import sys\nimport shop_utils.cache\nfrom shop import nodes",
        own="from shop_utils import cache\ncache.CACHE['warm'] = 1",
    ),
    case(
        "state: a library outside the project is kept",
        {"vendor/engine.py": "HANDLES = []\n", "src/shop/report.py": "import sys\n\nVALUE = 1\n"},
        {"src/shop/report.py": "import sys\n\nVALUE = 2\n"},
        "import engine as now\nassert now is engine and engine.HANDLES == ['open'] and report.VALUE == 2",
        imports="from shop import report",
        own="import sys; sys.path.append('vendor')\nimport engine\nengine.HANDLES.append('open')",
    ),
    case(
        "state: a data file read at import",
        {
            "src/shop/rates.json": '{"rate": 1}',
            "src/shop/rates.py": """
                import json
                from pathlib import Path

                RATES = json.loads(Path(__file__).with_name("rates.json").read_text())
                """,
        },
        {"src/shop/rates.json": '{"rate": 2}'},
        "assert RATES == {'rate': 2}",
        imports="from shop.rates import RATES",
    ),
    case(
        "state: a counter that importing modules increase",
        {
            REGISTRY: "count = 0\n\ndef register():\n    global count\n    count += 1\n",
            STEPS: "from shop import registry\n\nregistry.register()\n",
        },
        {STEPS: "from shop import registry\n\nregistry.register()\nNEW = 1\n"},
        "assert registry.count == 1 and shop.steps.NEW == 1",
        imports="import shop.steps\nfrom shop import registry",
    ),
)

"""Classes, enumerations and dataclasses."""

from case import case

MODEL = "src/shop/model.py"
SUB = "src/shop/linear.py"

CASES = (
    case(
        "class: method body",
        {MODEL: "class Model:\n    def fit(self):\n        return 'old'\n"},
        {MODEL: "class Model:\n    def fit(self):\n        return 'new'\n"},
        "assert Model().fit() == 'new'",
        imports="from shop.model import Model",
    ),
    case(
        "class: a new method",
        {MODEL: "class Model:\n    def fit(self):\n        return 1\n"},
        {MODEL: "class Model:\n    def fit(self):\n        return 1\n\n    def predict(self):\n        return 2\n"},
        "assert Model().predict() == 2",
        imports="from shop.model import Model",
    ),
    case(
        "class: a removed method and a removed attribute",
        {
            MODEL: "class Model:\n    depth = 1\n\n    def fit(self):\n        return 1\n\n    def score(self):\n        return 2\n"
        },
        {MODEL: "class Model:\n    def fit(self):\n        return 1\n"},
        "assert not hasattr(Model, 'score') and not hasattr(Model, 'depth')",
        imports="from shop.model import Model",
    ),
    case(
        "class: another base",
        {MODEL: "class A:\n    kind = 'a'\n\nclass B:\n    kind = 'b'\n\nclass Model(A):\n    pass\n"},
        {MODEL: "class A:\n    kind = 'a'\n\nclass B:\n    kind = 'b'\n\nclass Model(B):\n    pass\n"},
        "assert Model().kind == 'b' and issubclass(Model, B) and not issubclass(Model, A)",
        imports="from shop.model import A, B, Model",
    ),
    case(
        "class: its base, in another module",
        {
            MODEL: "class Base:\n    def fit(self):\n        return 'old'\n",
            SUB: "from shop.model import Base\n\nclass Linear(Base):\n    def fit(self):\n        return super().fit() + '!'\n",
        },
        {MODEL: "class Base:\n    depth = 3\n\n    def fit(self):\n        return 'new'\n"},
        "assert Linear().fit() == 'new!' and Linear.depth == 3 and issubclass(Linear, Base)",
        imports="from shop.model import Base\nfrom shop.linear import Linear",
    ),
    case(
        "class: isinstance in another module",
        {
            MODEL: "class Model:\n    pass\n",
            SUB: "from shop.model import Model\n\ndef is_model(x):\n    return isinstance(x, Model)\n",
        },
        {MODEL: "class Model:\n    depth = 1\n"},
        "assert Model.depth == 1 and is_model(Model())",
        imports="from shop.model import Model\nfrom shop.linear import is_model",
    ),
    case(
        "class: a property becomes a method",
        {MODEL: "class Model:\n    @property\n    def size(self):\n        return 1\n"},
        {MODEL: "class Model:\n    def size(self):\n        return 2\n"},
        "assert Model().size() == 2",
        imports="from shop.model import Model",
    ),
    case(
        "class: slots",
        {MODEL: "class Model:\n    __slots__ = ('a',)\n"},
        {MODEL: "class Model:\n    __slots__ = ('a', 'b')\n"},
        "model = Model()\nmodel.b = 1\nassert not hasattr(model, '__dict__')",
        imports="from shop.model import Model",
    ),
    case(
        "class: dataclass gets a field",
        {MODEL: "from dataclasses import dataclass\n\n@dataclass\nclass Point:\n    x: int\n"},
        {MODEL: "from dataclasses import dataclass\n\n@dataclass\nclass Point:\n    x: int\n    y: int = 5\n"},
        "import dataclasses\nassert Point(1).y == 5 and Point(1) == Point(1, 5)\n"
        "assert [field.name for field in dataclasses.fields(Point)] == ['x', 'y']",
        imports="from shop.model import Point",
    ),
    case(
        "class: NamedTuple loses a field",
        {MODEL: "from typing import NamedTuple\n\nclass Point(NamedTuple):\n    x: int\n    y: int\n"},
        {MODEL: "from typing import NamedTuple\n\nclass Point(NamedTuple):\n    x: int\n"},
        "assert Point._fields == ('x',) and tuple(Point(1)) == (1,)",
        imports="from shop.model import Point",
    ),
    case(
        "class: Enum gets a member and another value",
        {
            MODEL: "from enum import Enum\n\nclass Colour(Enum):\n    RED = 1\n    BLUE = 2\n",
            SUB: "from shop.model import Colour\n\nDEFAULT = Colour.RED\n",
        },
        {MODEL: "from enum import Enum\n\nclass Colour(Enum):\n    RED = 10\n    BLUE = 2\n    GREEN = 3\n"},
        "assert [c.value for c in Colour] == [10, 2, 3] and linear.DEFAULT is Colour.RED and Colour(10) is Colour.RED",
        imports="from shop.model import Colour\nfrom shop import linear",
    ),
    case(
        "class: abstract method is removed",
        {
            MODEL: """
                from abc import ABC, abstractmethod

                class Base(ABC):
                    @abstractmethod
                    def fit(self): ...

                class Model(Base):
                    pass
                """
        },
        {
            MODEL: """
                from abc import ABC

                class Base(ABC):
                    def fit(self):
                        return 1

                class Model(Base):
                    pass
                """
        },
        "assert Model().fit() == 1",
        imports="from shop.model import Model",
    ),
    case(
        "class: nested, with a class method and a static method",
        {
            MODEL: "class Model:\n    class Options:\n        depth = 1\n\n    @classmethod\n    def make(cls):\n        return cls\n"
        },
        {
            MODEL: "class Model:\n    class Options:\n        depth = 2\n\n    @staticmethod\n    def make():\n        return 'made'\n"
        },
        "assert Model.Options.depth == 2 and Model.make() == 'made'",
        imports="from shop.model import Model",
    ),
    case(
        "class: a metaclass that names its classes",
        {
            "src/shop/meta.py": "class Meta(type):\n    def label(cls):\n        return cls.__name__\n",
            MODEL: "from shop.meta import Meta\n\nclass Model(metaclass=Meta):\n    pass\n",
        },
        {"src/shop/meta.py": "class Meta(type):\n    def label(cls):\n        return cls.__name__.upper()\n"},
        "assert Model.label() == 'MODEL' and type(Model) is meta.Meta",
        imports="from shop.model import Model\nfrom shop import meta",
    ),
    case(
        "class: an instance in its module",
        {MODEL: "class Model:\n    depth = 1\n\nDEFAULT = Model()\n"},
        {MODEL: "class Model:\n    depth = 2\n\nDEFAULT = Model()\nDEFAULT.name = 'default'\n"},
        "assert DEFAULT.depth == 2 and DEFAULT.name == 'default' and type(DEFAULT) is Model",
        imports="from shop.model import DEFAULT, Model",
    ),
    case(
        "class: registered by __init_subclass__",
        {
            MODEL: """
                class Model:
                    kinds = {}

                    def __init_subclass__(cls):
                        Model.kinds[cls.__name__] = cls
                """,
            SUB: "from shop.model import Model\n\nclass Linear(Model):\n    pass\n\nclass Tree(Model):\n    pass\n",
        },
        {SUB: "from shop.model import Model\n\nclass Linear(Model):\n    pass\n\nclass Forest(Model):\n    pass\n"},
        "assert sorted(Model.kinds) == ['Forest', 'Linear'] and Model.kinds['Linear'] is linear.Linear",
        imports="from shop.model import Model\nfrom shop import linear",
    ),
    case(
        "class: the list of its subclasses",
        {
            MODEL: "class Model:\n    pass\n\ndef kinds():\n    return sorted(c.__name__ for c in Model.__subclasses__())\n",
            SUB: "from shop.model import Model\n\nclass Linear(Model):\n    pass\n\nclass Tree(Model):\n    pass\n",
        },
        {SUB: "from shop.model import Model\n\nclass Linear(Model):\n    depth = 1\n"},
        "import gc\ngc.collect()\nassert kinds() == ['Linear']",
        imports="from shop.model import kinds\nimport shop.linear",
    ),
)

"""Finding a project's pipelines: the first error is raised, never a partial registry."""

from __future__ import annotations

import pytest

from ipyproject import bootstrap_project, find_pipelines
from ipyproject.errors import PipelineError, ProjectCodeError
from ipyproject.pipeline import Pipeline, load_pipelines

ONE = """
from ipyproject import Node, Pipeline
def create_pipeline():
    return Pipeline([Node(str, "{0}_in", "{0}_out", name="{0}")])
"""


def with_pipelines(make_project, files=None, names=("b", "a")):
    return make_project(
        {
            "src/shop/pipeline_registry.py": None,
            "src/shop/pipelines/__init__.py": "",
            **{f"src/shop/pipelines/{name}/__init__.py": ONE.format(name) for name in names},
            **(files or {}),
        }
    )


def test_found_by_folder(make_project):
    """Each package under pipelines/ gives a pipeline of its name, sorted; private ones are left out."""
    bootstrap_project(with_pipelines(make_project, {"src/shop/pipelines/_private.py": "1 / 0"}).root)
    found = find_pipelines()
    assert list(found) == ["a", "b"]
    assert len(sum(found.values())) == 2


def test_single_pipeline_module(make_project):
    """<package>/pipeline.py gives the default pipeline."""
    bootstrap_project(with_pipelines(make_project, {"src/shop/pipeline.py": ONE.format("c")}, ()).root)
    assert {name: pipeline.node_names for name, pipeline in find_pipelines().items()} == {"__default__": ("c",)}


def test_default_is_the_sum(make_project):
    """Where the registry, or its absence, gives no __default__ it is the sum of all."""
    project = bootstrap_project(with_pipelines(make_project).root)
    assert set(load_pipelines(project)["__default__"].node_names) == {"a", "b"}


def test_no_pipelines_at_all(make_project):
    """A project without pipelines has an empty default one."""
    project = bootstrap_project(make_project({"src/shop/pipeline_registry.py": None}).root)
    assert len(load_pipelines(project)["__default__"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def create_pipeline(: pass", r"^src/shop/pipelines/b/__init__\.py, line 1: SyntaxError"),
        ("import json\nimport no_such_thing", r"^src/shop/pipelines/b/__init__\.py, line 2: ModuleNotFoundError"),
        (
            "def create_pipeline():\n    return {}['x']",
            r"^src/shop/pipelines/b/__init__\.py, line 2: KeyError: 'x'",
        ),
    ],
)
def test_a_broken_pipeline_is_an_error(make_project, text, message):
    """A pipeline that fails is not skipped: its own file and line are said."""
    project = bootstrap_project(with_pipelines(make_project, {"src/shop/pipelines/b/__init__.py": text}).root)
    with pytest.raises(ProjectCodeError, match=message):
        load_pipelines(project)


def test_own_line_of_a_pipeline_mistake(make_project):
    """Nodes that don't fit are said with the line of the project that built them."""
    text = ONE.format("b").replace('"b_in", "b_out"', '"same", "same"')
    project = bootstrap_project(with_pipelines(make_project, {"src/shop/pipelines/b/__init__.py": text}).root)
    with pytest.raises(PipelineError, match=r"^src/shop/pipelines/b/__init__\.py, line 3: Node 'b' both reads and"):
        load_pipelines(project)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no function create_pipeline"),
        ("def create_pipeline(): return 1", r"__init__\.py returned 1"),
    ],
)
def test_create_pipeline_is_missing_or_wrong(make_project, text, message):
    """A module under pipelines/ without a create_pipeline() that returns a pipeline is named."""
    project = bootstrap_project(with_pipelines(make_project, {"src/shop/pipelines/b/__init__.py": text}).root)
    with pytest.raises(PipelineError, match=message):
        load_pipelines(project)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no function register_pipelines"),
        ("def register_pipelines(): return []", r"returned \[\]"),
        ("def register_pipelines(): return {'a': 1}", "returned 1 under 'a'"),
        ("def register_pipelines(): return 1 / 0", "line 1: ZeroDivisionError"),
    ],
)
def test_wrong_registry(make_project, text, message):
    """A registry that is not a dict of pipelines is named with its file."""
    project = bootstrap_project(make_project({"src/shop/pipeline_registry.py": text}).root)
    with pytest.raises((PipelineError, ProjectCodeError), match=message):
        load_pipelines(project)


def test_a_folder_that_is_no_package(make_project):
    """A folder of pipelines without __init__.py is not skipped in silence."""
    project = bootstrap_project(with_pipelines(make_project, {"src/shop/pipelines/lost/nodes.py": ""}).root)
    with pytest.raises(PipelineError, match=r"pipelines/lost has no __init__\.py"):
        load_pipelines(project)


def test_a_cycle_over_several_pipelines(make_project):
    """A cycle that only the sum of pipelines has is said by its nodes, and no file of ours or Python's is blamed."""
    two = ONE.format("b").replace('"b_in", "b_out"', '"a_out", "a_in"')
    project = bootstrap_project(with_pipelines(make_project, {"src/shop/pipelines/b/__init__.py": two}).root)
    with pytest.raises(PipelineError, match=r"^These nodes wait for each other: (a -> b -> a|b -> a -> b)\."):
        load_pipelines(project)


def test_an_error_that_cannot_tell_itself(make_project):
    """An exception whose text can't be made is named by its type."""
    text = "class Mute(Exception):\n    def __str__(self): raise RuntimeError\nraise Mute\n"
    project = with_pipelines(make_project, {"src/shop/pipelines/b/__init__.py": text})
    with pytest.raises(ProjectCodeError, match=r"^src/shop/pipelines/b/__init__\.py, line 3: Mute"):
        load_pipelines(bootstrap_project(project.root))


def test_the_sum_of_no_pipelines(make_project):
    """sum(find_pipelines().values()) of a project without pipelines is a pipeline without nodes, not Python's 0."""
    registry = """
        from ipyproject import find_pipelines
        def register_pipelines(): return {"__default__": sum(find_pipelines().values())}
        """
    with make_project({"src/shop/pipeline_registry.py": registry}).open() as session:
        assert session.pipelines["__default__"] == Pipeline([])


@pytest.mark.parametrize(
    "body",
    [
        "__traceback__ = __cause__ = __notes__ = property(lambda self: 3)",
        "__class__ = property(lambda self: 1 / 0)",
        "__getattribute__ = lambda self, name: 1 / 0",
        "def __str__(self): raise SystemExit(0)",
    ],
)
def test_an_error_that_does_anything(make_project, body):
    """Whatever the class of an exception at import is like, its line is named."""
    registry = f"class OddError(Exception):\n    {body}\nraise OddError\n"
    session = make_project({"src/shop/pipeline_registry.py": registry}).open()
    with pytest.raises(ProjectCodeError, match=r"^src/shop/pipeline_registry.py, line 3: OddError\n"):
        _ = session.pipelines

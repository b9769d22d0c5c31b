"""What a reload reports."""

from __future__ import annotations

from ipyproject import reload_project
from ipyproject.display.changes import render_changes
from ipyproject.history import ABSENT


def test_first_opening_has_nothing_to_compare(make_project):
    """The first opening says what was executed and nothing else."""
    changes = reload_project(make_project().root).changes
    assert "shop.nodes" in changes.executed
    assert (changes.parameters, bool(changes.nodes), bool(changes.datasets)) == ((), False, False)


def test_everything_that_changed(make_project):
    """Parameters old and new, datasets, pipelines and nodes are listed; what is the same is not."""
    project = make_project()
    reload_project(project.root)
    project.write(
        {
            "conf/base/parameters.yml": "rate: 5\nnew: 1\nmodel: {test_share: 0.25}\n",
            "conf/base/catalog.yml": """
                orders: {type: json.JSONDataset, filepath: data/orders.json}
                other: {type: MemoryDataset}
                """,
            "src/shop/nodes.py": """
                # a comment moves the code without changing it

                def double(orders, rate):
                    return [order * rate for order in orders]

                def add_up(doubled):
                    return sum(doubled) + 1

                def count(orders):
                    return len(orders)
                """,
            "src/shop/pipeline_registry.py": """
                from ipyproject import Node, Pipeline
                from shop.nodes import add_up, count, double

                def register_pipelines():
                    prepare = Pipeline([Node(double, ["orders", "params:rate"], "doubled", name="double", tags="early")])
                    report = Pipeline([Node(add_up, "doubled", "total", name="add_up", tags="late"),
                                       Node(count, "orders", "number", name="count")])
                    return {"prepare": prepare, "summary": report}
                """,
        }
    )
    session = reload_project()
    changes = session.changes
    assert set(changes.sources.changed) == {"shop.nodes", "shop.pipeline_registry"}
    assert set(changes.parameters) == {("rate", 2, 5), ("new", ABSENT, 1), ("model.seed", 7, ABSENT)}
    assert (changes.datasets.added, changes.datasets.removed, changes.datasets.changed) == (("other",), ("total",), ())
    assert (changes.pipelines.added, changes.pipelines.removed) == (("summary",), ("report",))
    assert changes.pipelines.changed == ("__default__",)
    assert (changes.nodes.added, changes.nodes.removed, changes.nodes.changed) == (("count",), (), ("add_up",))
    shown = render_changes(session, seconds=0.01)
    assert "rate" in shown.text
    assert "2 -> 5" in shown.text
    assert "2 -&gt; 5" in shown.html


def test_nothing_changed(make_project):
    """A reload without an edit reports no change."""
    reload_project(make_project().root)
    changes = reload_project().changes
    assert changes.parameters == ()
    assert not changes.sources
    assert reload_project(env="prod").changes.env == ("local", "prod")
    assert [bool(found) for found in (changes.datasets, changes.pipelines, changes.nodes)] == [False, False, False]


def test_secrets_are_hidden(make_project):
    """A changed secret is said to be changed at the most, and never shown."""
    project = make_project({"conf/base/parameters.yml": "rate: 2\ndb: {password: hunter2-old}\n"})
    reload_project(project.root)
    project.write({"conf/base/parameters.yml": "rate: 2\ndb: {password: hunter2-new}\n"})
    session = reload_project()
    assert "hunter2" not in repr(session.changes)
    assert "hunter2" not in render_changes(session, seconds=0).text

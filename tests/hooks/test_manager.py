"""The hook manager."""

from __future__ import annotations

import sys

import pytest

from ipyproject.errors import ProjectCodeError, SettingsError
from ipyproject.hooks import HookManager, hook_impl


class Sessions:
    def __init__(self):
        self.closed = []

    @hook_impl
    def before_session_closed(self, session):
        self.closed.append(session)


def test_called_where_somebody_listens():
    """A hook that somebody implements is called with what it names; others cost nothing."""
    hook = Sessions()
    hooks = HookManager([hook])
    assert hooks.listens("before_session_closed", "before_node_run")
    assert not hooks.listens("before_node_run")
    hooks.call("before_session_closed", session=1)
    hooks.call("before_node_run", node=1)
    assert hook.closed == [1]


def test_the_same_object_twice():
    """An object given twice is registered once."""
    hook = Sessions()
    HookManager([hook, hook]).call("before_session_closed", session=1)
    assert hook.closed == [1]


def test_unknown_argument():
    """An implementation that asks for what its hook does not give is named."""

    class Wrong:
        @hook_impl
        def before_session_closed(self, sesion): ...

    with pytest.raises(SettingsError, match=r"HOOKS in settings\.py, Wrong: .*sesion"):
        HookManager([Wrong()])


@pytest.mark.parametrize("hook", [3, object(), lambda: None])
def test_no_hook_at_all(hook):
    """An object without any hook is an error, not silence."""
    with pytest.raises(SettingsError, match="has no method marked @hook_impl"):
        HookManager([hook])


def test_unknown_hook():
    """An implementation of a hook that does not exist is named."""

    class Wrong:
        @hook_impl
        def before_sesion_closed(self): ...

    with pytest.raises(SettingsError, match="unknown hook 'before_sesion_closed'"):
        HookManager([Wrong()])


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A distribution on sys.path that registers hooks."""
    info = tmp_path / "telemetry-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: telemetry\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ipyproject.hooks]\ntelemetry = telemetry_plugin:hooks\n")
    (tmp_path / "telemetry_plugin.py").write_text(
        "from ipyproject import hook_impl\n"
        "class Hooks:\n"
        "    calls = []\n"
        "    @hook_impl\n"
        "    def after_session_created(self, session): self.calls.append(session)\n"
        "hooks = Hooks()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "telemetry_plugin.py"
    sys.modules.pop("telemetry_plugin", None)


def test_installed_plugin(plugin):
    """Hooks of installed distributions are registered by entry point, unless they are disabled."""
    HookManager().call("after_session_created", session=1)
    from telemetry_plugin import Hooks

    assert Hooks.calls == [1]
    HookManager(disabled_plugins=["telemetry"]).call("after_session_created", session=2)
    assert Hooks.calls == [1]


def test_broken_plugin(plugin):
    """A plugin that can't be imported is named, and how to go on without it."""
    plugin.write_text("1 / 0")
    with pytest.raises(SettingsError, match=r"'telemetry_plugin:hooks'(.|\n)*DISABLE_HOOKS_FOR_PLUGINS"):
        HookManager()


def test_arguments_that_a_hook_does_not_get():
    """Arguments of the field that we do not have are all named, with those there are; one with a default is left alone."""

    class Fields:
        @hook_impl
        def before_pipeline_run(self, run_params, pipeline, save_version, is_async=None): ...

    message = (
        r"^HOOKS in settings\.py, Fields: before_pipeline_run asks for 'run_params', 'save_version', which it is not "
        r"given\.\nTake it out; before_pipeline_run is given: run_id, pipeline, catalog, session\.$"
    )
    with pytest.raises(SettingsError, match=message):
        HookManager([Fields()])

    class Specified:
        @hook_impl(specname="before_node_run", trylast=True)
        def mine(self, node, run_id): ...

    with pytest.raises(SettingsError, match="before_node_run asks for 'run_id'"):
        HookManager([Specified()])

    class Fitting:
        @hook_impl
        def before_pipeline_run(self, pipeline, is_async=None):
            self.called = pipeline, is_async

        @hook_impl(optionalhook=True)
        def of_another_framework(self, anything): ...

    hook = Fitting()
    HookManager([hook]).call("before_pipeline_run", run_id="r", pipeline=1, catalog=2, session=3)
    assert hook.called == (1, None)


def test_closest_hook():
    """An implementation of a hook that does not exist is told the closest one that does."""

    class Wrong:
        @hook_impl
        def before_pipline_run(self): ...

    with pytest.raises(SettingsError, match=r"unknown hook 'before_pipline_run'\.\nDid you mean 'before_pipeline_run'"):
        HookManager([Wrong()])


def test_a_hook_that_exits():
    """sys.exit() in a hook ends nothing as if all had gone well."""

    class Exits:
        @hook_impl
        def before_session_closed(self):
            sys.exit(0)

    with pytest.raises(ProjectCodeError, match=r"hook before_session_closed called sys.exit\(0\)"):
        HookManager([Exits()]).call("before_session_closed", session=1)

"""What settings.py may say."""

from __future__ import annotations

import pytest

from ipyproject import bootstrap_project
from ipyproject.errors import ProjectCodeError, SettingsError
from ipyproject.settings import Settings, load_settings


def settings_of(make_project, text):
    return load_settings(bootstrap_project(make_project({"src/shop/settings.py": text}).root))


def test_defaults(make_project):
    """A project without settings.py has the default settings."""
    assert load_settings(bootstrap_project(make_project().root)) == Settings()


def test_everything(make_project):
    """Every setting is read, and mappings can't be changed afterwards."""
    settings = settings_of(
        make_project,
        """
        class Hook: pass
        HOOKS = [Hook()]
        DISABLE_HOOKS_FOR_PLUGINS = ("telemetry",)
        CONF_SOURCE = "config"
        CONFIG = {"base_env": "common", "default_env": "dev", "patterns": {"spark": ["spark*"]}, "resolvers": {"one": int}}
        SESSION_STORE = "sqlite:///x.db"
        SESSION_ENVIRONMENT = ["AWS_PROFILE", "SLURM_*"]
        RUNNER = "sequential"
        lower_case_names_are_free = 1
        """,
    )
    assert type(settings.hooks[0]).__name__ == "Hook"
    assert settings.disable_hooks_for_plugins == ("telemetry",)
    assert (settings.conf_source, settings.session_store) == ("config", "sqlite:///x.db")
    assert settings.session_environment == ("AWS_PROFILE", "SLURM_*")
    assert (settings.config.base_env, settings.config.default_env) == ("common", "dev")
    assert settings.config.patterns == {"spark": ("spark*",)}
    with pytest.raises(TypeError):
        settings.config.resolvers["two"] = int


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("HOOK = ()", r"src/shop/settings\.py: unknown setting HOOK\.\nDid you mean 'HOOKS'"),
        ("CONF_SOURCE = 1", "CONF_SOURCE must be a text, not 1"),
        ("HOOKS = 'a'", "HOOKS must be a tuple"),
        ("class H: pass\nHOOKS = (H,)", "the class H, not an instance"),
        ("CONFIG = []", "CONFIG must be a mapping"),
        ("CONFIG = {'base': 1}", r"unknown key 'base'\.\nDid you mean 'base_env'"),
        ("CONFIG = {'resolvers': {'a': 1}}", "'a'.* must be a function"),
        ("CONFIG = {'patterns': {'a': 'x'}}", "must be a list of texts"),
    ],
)
def test_mistakes(make_project, text, message):
    """An unknown name or a wrong value is named, with file and next step."""
    with pytest.raises(SettingsError, match=message):
        settings_of(make_project, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = = 2", r"^src/shop/settings\.py, line 2: SyntaxError: invalid syntax"),
        ("a = 1\n\n1 / 0", r"^src/shop/settings\.py, line 3: ZeroDivisionError: division by zero"),
        (
            "import shop.nowhere",
            r"^src/shop/settings\.py, line 1: ModuleNotFoundError: No module named 'shop.nowhere'\nMend it and try",
        ),
        (
            "import no_such_library.part",
            r"^src/shop/settings\.py, line 1: .*: No module named 'no_such_library'\nInstall it in this environment or",
        ),
    ],
)
def test_broken_module(make_project, text, message):
    """A settings.py that does not work is said with its own file and line."""
    with pytest.raises(ProjectCodeError, match=message):
        settings_of(make_project, text)


def test_two_stores(make_project):
    """The store of sessions is said in one place; the same one may be said in both."""
    project = make_project(
        {
            "pyproject.toml": "[tool.ipyproject]\nsession_store = 'a.db'",
            "src/shop/settings.py": "SESSION_STORE = 'postgresql://me:hunter2-hunter2@host/db'",
        }
    )
    with pytest.raises(SettingsError) as refused:
        project.open()
    assert str(refused.value) == (
        "src/shop/settings.py: SESSION_STORE is another store than session_store in pyproject.toml.\nKeep one of them."
    )
    project.write({"src/shop/settings.py": "SESSION_STORE = 'a.db'"})
    with project.open():
        assert (project.root / "a.db").is_file()

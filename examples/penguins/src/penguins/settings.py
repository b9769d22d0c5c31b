"""What the framework should do differently for this project.

Upper-case names are settings. Beside ``HOOKS`` there could be, for example, a value that ``${today:}`` stands for in
any file under ``conf/``::

    CONFIG = {"resolvers": {"today": lambda: date.today().isoformat()}}

``CONFIG`` also names the environments (``base_env``, ``default_env``) and further kinds of files (``patterns``);
``CONF_SOURCE`` names another folder than ``conf``, ``SESSION_STORE`` another place for the record of sessions, and
``SESSION_ENVIRONMENT`` the environment variables that it keeps.
"""

from penguins.hooks import Metrics

HOOKS = (Metrics(),)

"""What the framework should do differently for this project: nothing, so far.

Upper-case names are settings. For example, a value that ``${today:}`` stands for in any file under ``conf/``::

    CONFIG = {"resolvers": {"today": lambda: date.today().isoformat()}}

``CONFIG`` also names the environments (``base_env``, ``default_env``) and further kinds of files (``patterns``);
``HOOKS`` takes plugin objects, ``CONF_SOURCE`` another folder than ``conf``.
"""

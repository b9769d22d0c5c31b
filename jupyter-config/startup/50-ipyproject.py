"""Make `%reload_project` known in every kernel of this environment; ipyproject is imported when it is first used."""
# This runs in the user's namespace, so it binds no name; and it may not raise, which would stop the files after it.
# Where the extension is loaded already (a profile lists it, or the kernel got --ext) there is nothing to announce.

try:
    if "ipyproject" not in get_ipython().extension_manager.loaded:
        get_ipython().magics_manager.register_lazy("reload_project", "ipyproject")
        # Newer versions of IPython announce a cell magic of that name too, which there is not.
        get_ipython().magics_manager.magics["cell"].pop("reload_project", None)
except Exception:
    pass

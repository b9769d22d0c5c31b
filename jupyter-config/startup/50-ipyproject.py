"""Make `%reload_project` and `%sessions` known in every kernel of this environment; nothing is imported before use."""
# This runs in the user's namespace, so it binds no name; and it may not raise, which would stop the files after it.
# Where the extension is loaded already (a profile lists it, or the kernel got --ext) there is nothing to announce.

try:
    if "ipyproject" not in get_ipython().extension_manager.loaded:
        get_ipython().magics_manager.register_lazy("reload_project", "ipyproject")
        get_ipython().magics_manager.register_lazy("sessions", "ipyproject")
        # Newer versions of IPython announce cell magics of those names too, which there are not.
        get_ipython().magics_manager.magics["cell"].pop("reload_project", None)
        get_ipython().magics_manager.magics["cell"].pop("sessions", None)
except Exception:
    pass

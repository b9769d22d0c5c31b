"""A sample IPython profile that opens the project around the working directory before the first cell.

Copy it to ``~/.ipython/profile_default/ipython_config.py``, or take over its lines where that file exists.
"""

c = get_config()

# `append`, so that extensions listed in other profile files stay. An assignment would replace them.
c.InteractiveShellApp.extensions.append("ipyproject")

# What `%reload_project` does where its line does not say:
# c.ProjectMagics.env = "prod"

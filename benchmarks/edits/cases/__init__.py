"""The cases: by name, and by what they are about."""

from cases import broken, classes, constants, files, functions, imports, project, state

GROUPS = {
    "functions": functions.CASES,
    "constants, own names": constants.CASES,
    "classes": classes.CASES,
    "state of modules": state.CASES,
    "imports": imports.CASES,
    "files and modules that come, go, move": files.CASES,
    "broken code, mended": tuple(case for case in broken.CASES if not case.project),
    "pipelines, parameters, catalog, settings, hooks": project.CASES,
    "broken projects, mended": tuple(case for case in broken.CASES if case.project),
}
CASES = {case.name: case for cases in GROUPS.values() for case in cases}
if len(CASES) != sum(map(len, GROUPS.values())):
    raise ValueError("Two cases have one name.")

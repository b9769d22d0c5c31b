from __future__ import annotations

import pytest

from ipyproject.masking import masked_command_line, masked_line


def test_arguments_of_a_command() -> None:
    """Secret options, parameters and URLs are hidden; everything else stays as it was typed."""
    assert masked_command_line(
        [
            "ipyproject",
            "run",
            "--params",
            "db.password=a b, c,rate=2,c.token='x, y'",
            "--token",
            "x",
            "--api-key=x",
            "--params=a=1,pw=b c",
            "postgresql://u:x@h",
            "--use-auth",
            "--env",
            "prod",
        ]
    ) == [
        "ipyproject",
        "run",
        "--params",
        "db.password=***,rate=2,c.token='***'",
        "--token",
        "***",
        "--api-key=***",
        "--params=a=1,pw=***",
        "postgresql://u:***@h",
        "--use-auth",
        "--env",
        "prod",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('%reload_project --params db.password="x, y",rate=2', '%reload_project --params db.password="***",rate=2'),
        ("%reload_project  --params 'a.token=x y,b=2' .", "%reload_project  --params 'a.token=***,b=2' ."),
        ("%reload_project --params=a.secret=3,b=[1,2] -e x", "%reload_project --params=a.secret=***,b=[1,2] -e x"),
        ('%reload_project --params password="x y', '%reload_project --params password="***'),
        ("%x --token 'a b'  --env prod", "%x --token ***  --env prod"),
        ("%reload_project ../here --env=local", "%reload_project ../here --env=local"),
        ("", ""),
    ],
)
def test_lines_of_magics(line, expected) -> None:
    """A magic's line loses its secrets and nothing else, not even a blank."""
    assert masked_line(line) == expected

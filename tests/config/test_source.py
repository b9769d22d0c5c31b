"""Conf sources that are archives."""

from __future__ import annotations

import tarfile
import zipfile

import pytest

from ipyproject.config import ConfigLoader
from ipyproject.errors import ConfigError, UnknownEnvError

FILES = {
    "base/parameters.yml": "a: {x: 1}\nb: ${globals:g}\n",
    "base/parameters/deep/more.json": '{"c": [1]}',
    "base/globals.toml": "g = 5\n",
    "base/.hidden/parameters.yml": "no: 1",
    "local/parameters.yml": "a: {y: 2}\n",
    "prod/catalog.yml": "cars: {type: csv}\n",
    "logging.yml": "version: 1",
}


def pack_zip(conf, archive, prefix):
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(conf.rglob("*")):
            packed.write(file, f"{prefix}{file.relative_to(conf)}")


def pack_tar(conf, archive, prefix):
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(conf, prefix or ".")


@pytest.fixture(params=[("conf.zip", pack_zip), ("conf.tar.gz", pack_tar)], ids=["zip", "tar.gz"])
def pack(request, tmp_path, write_conf):
    name, pack_as = request.param

    def pack_files(files, prefix):
        pack_as(write_conf(files), tmp_path / name, prefix)
        return tmp_path / name

    return pack_files


@pytest.mark.parametrize("prefix", ["", "conf/", "conf-penguins/"])
def test_an_archive_reads_as_its_folder(pack, tmp_path, prefix):
    """Packed with or without one folder around it, a conf folder gives the same configuration and the same envs."""
    archive = pack(FILES, prefix)
    for env in ("local", "prod"):
        packed, folder = ConfigLoader(archive, env=env), ConfigLoader(tmp_path / "conf", env=env)
        assert dict(packed) == dict(folder)
        assert packed.known_envs() == folder.known_envs() == ["local", "prod"]
    assert ConfigLoader(archive).origin("parameters", "c") == f"{archive.name}/{prefix}base/parameters/deep/more.json"


def test_errors_name_the_file_in_the_archive(pack):
    """What is wrong in a packed file is told with the archive, the file and the line; unknown envs are listed."""
    archive = pack({"base/parameters.yml": "a: 1\nb: [", "prod/x.yml": ""}, "conf/")
    with pytest.raises(ConfigError, match=rf"^{archive.name}/conf/base/parameters\.yml, line 2: "):
        ConfigLoader(archive)["parameters"]
    with pytest.raises(UnknownEnvError, match="Did you mean 'prod'"):
        ConfigLoader(archive, env="prd")


def test_an_empty_env_folder_is_an_env(pack, tmp_path):
    """A packed folder without files is an env all the same, as on disk."""
    (tmp_path / "conf" / "staging").mkdir(parents=True)
    assert ConfigLoader(pack(FILES, ""), env="staging")["parameters"] == {"a": {"x": 1}, "b": 5, "c": [1]}


def test_an_archive_without_base(pack, tmp_path):
    """It is an error that names the folder missing."""
    archive = pack(FILES, "conf/")
    with pytest.raises(ConfigError, match="has no folder 'common'"):
        ConfigLoader(archive, base_env="common")


@pytest.mark.parametrize("name", ["conf.zip", "conf.tar.gz"])
@pytest.mark.parametrize("keep", [0, 10, 60, 0.5])
def test_a_damaged_archive(tmp_path, write_conf, name, keep):
    """A file that is no archive, or only the beginning of one, is one short error."""
    whole = tmp_path / "whole"
    (pack_zip if name.endswith("zip") else pack_tar)(write_conf(FILES), whole, "")
    content = whole.read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(ConfigError, match=r"can't be read|has no folder"):
        ConfigLoader(tmp_path / name)


def test_another_kind_of_file(tmp_path):
    """A conf source that is neither a folder nor an archive says what it may be."""
    (tmp_path / "conf.yml").write_text("a: 1")
    with pytest.raises(ConfigError, match=r"neither a folder nor an archive \(\.zip, \.tar\.gz\)"):
        ConfigLoader(tmp_path / "conf.yml")

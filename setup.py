"Build the package as described in settings.ini, which has all of the configuration."
from configparser import ConfigParser
from setuptools import find_packages, setup

cfg = ConfigParser(delimiters=['='])
cfg.read('settings.ini', encoding='utf8')
cfg = cfg['DEFAULT']

extras = {k.removeprefix('extra_'): v.split() for k,v in cfg.items() if k.startswith('extra_')}
extras['dev'] = cfg['dev_requirements'].split()

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg['author_email'],
    url=cfg['git_url'] if cfg.getboolean('published') else None, license='Apache-2.0',
    long_description=open('README.md', encoding='utf8').read(), long_description_content_type='text/markdown',
    packages=find_packages(include=['colorize_nb', 'colorize_nb.*']),
    package_data={'colorize_nb': ['weights/*', 'core/static/*', 'widgets/static/*', 'widgets/static/explore/*', 'course/*', 'photos/*']},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(), extras_require=extras,
    entry_points={'console_scripts': cfg['console_scripts'].split(), 'nbdev': [f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"]},
    zip_safe=False)

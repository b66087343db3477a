# SPDX-License-Identifier: Apache-2.0

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'ext'))

project = 'ssm'
copyright = 'ssm developers'
extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'migration_tables',
    'statement_table',
]
html_theme = 'openstackdocs'
html_theme_options = {'sidebar_mode': 'toctree'}
openstackdocs_repo_name = 'ssm'
openstackdocs_pdf_link = False
openstackdocs_use_storyboard = False
openstackdocs_auto_name = False
pygments_style = 'native'
root_doc = 'index'
nitpicky = True

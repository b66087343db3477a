# SPDX-License-Identifier: Apache-2.0

project = 'ssm release notes'
copyright = 'ssm developers'
extensions = ['openstackdocstheme', 'reno.sphinxext']
html_theme = 'openstackdocs'
openstackdocs_repo_name = 'ssm'
openstackdocs_auto_name = False
openstackdocs_use_storyboard = False
pygments_style = 'native'
root_doc = 'index'

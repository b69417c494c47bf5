"""What stops a run before anything is planned; the hooks of the Snakefile check the jobs that are due."""

from dwnet.workflow.checks import check_files, check_folders
from dwnet.workflow.notices import default_target, name_embedded, print_new_metrics
from dwnet.workflow.other_runs import Due, check_settings, keep_others_out

with input_errors():
    check_files(PROJECT)
    check_folders(FOLDERS)

# SPDX-License-Identifier: Apache-2.0

"""What is left of a failed cut-over, and whether its source may be taken for sound (decision 3).

As long as the destination was not opened the source is the truth; once it serves again, only its
statuses are missing. Past the point of no return a human has to look at both.
"""

from __future__ import annotations

from ssm.common import exceptions
from ssm.common.findings import Finding
from ssm.db import models
from ssm.migration import journal
from ssm.migration.states import POINT_OF_NO_RETURN, ServerStatus, State, Step


def outlook(row: models.Migration, written: journal.Journal) -> Finding:
    """The finding a failed cut-over ends with: where the truth is and what to do.

    :param written: the journal as it is at the end
    """
    if journal.begun(written, POINT_OF_NO_RETURN):
        return _finding(
            row,
            'authority_unknown',
            'The destination began to open; nobody but you can tell which share server is right.',
            'Look at both storages, then set each status by reset_status and reset_task_state.',
        )
    if not _is_open_again(written):
        return _finding(
            row,
            'source_still_closed',
            f'The source could not be opened again: {_reason(written)}',
            'Open it on its storage, then set each status by reset_status and reset_task_state.',
        )
    return _finding(
        row,
        'cut_over_undone',
        'The cut-over was undone before the destination opened; the source serves as before.',
        f'See that clients reach it, then share-server-migration-recover {row.id} makes it and '
        'its shares active again.',
    )


def _is_open_again(written: journal.Journal) -> bool:
    return not journal.begun(written, Step.FENCE) or journal.succeeded(written, Step.UNFENCE)


def _reason(written: journal.Journal) -> str:
    entry = journal.entry(written, Step.UNFENCE)
    return (entry and entry['reason']) or 'nobody tried.'


def _finding(row: models.Migration, code: str, message: str, hint: str) -> Finding:
    return Finding(
        code, message, hint, object_type='share_server', object_id=row.source_share_server_id
    )


def refuse(row: models.Migration, source: models.ShareServer | None, later: str | None) -> None:
    """Whether the source of a migration may be made active again.

    :param source: its row, None or deleted if it is gone
    :param later: id of a later migration of that source
    :raises Conflict: it must not, with the finding that says why
    """
    finding = _objection(row, source, later)
    if finding:
        reason = f'{finding.message} {finding.hint}'.strip()
        raise exceptions.Conflict(reason=reason, findings=[finding])


def _objection(
    row: models.Migration, source: models.ShareServer | None, later: str | None
) -> Finding | None:
    if row.state != State.ERROR or not journal.begun(row.journal, Step.CATCH_UP):
        return _finding(
            row,
            'no_failed_cut_over',
            f'Migration {row.id} is in {row.state} and did not fail in its cut-over.',
            'There is nothing to recover.',
        )
    if later:
        return _finding(
            row,
            'later_migration',
            f'Migration {later} of the same share server came later.',
            'What that one left counts.',
        )
    finding = outlook(row, row.journal)
    if finding.code != 'cut_over_undone':
        return finding
    if source is None or source.deleted != models.NOT_DELETED:
        return _finding(row, 'share_server_gone', 'The source share server does not exist.', '')
    if source.status != ServerStatus.ERROR or source.task_state != State.ERROR:
        return _finding(
            row,
            'source_not_in_error',
            f'The source share server is {source.status}/{source.task_state}, no longer as the '
            'failure left it.',
            'Somebody has taken care of it.',
        )
    return None

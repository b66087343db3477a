# SPDX-License-Identifier: Apache-2.0

"""Options of share server migration, in [DEFAULT] under the names operators know."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'server_migration_driver_continue_update_interval',
        default=30,
        min=1,
        help='Upper bound, in seconds, of the time between two questions to the driver how far '
        'the copy is. Polling starts at one second and slows down to this.',
    ),
    cfg.IntOpt(
        'migration_wait_access_rules_timeout',
        default=180,
        min=1,
        help='Seconds to wait until the source back end applied access rules read-only, or '
        'restored them.',
    ),
    cfg.BoolOpt(
        'delete_share_server_with_last_share',
        default=False,
        help='Delete the destination server of a cancelled migration at once, instead of '
        'leaving it to the cleanup of unused servers.',
    ),
    cfg.IntOpt(
        'migration_sweep_interval',
        default=5,
        min=1,
        help='Seconds between two looks of a share manager for migrations that nobody carries '
        'forward: after a crash, a lost message, or a lost lease.',
    ),
    cfg.IntOpt(
        'migration_lease_seconds',
        default=30,
        min=3,
        help='Seconds after which the work on a migration may be taken over when its owner '
        'shows no sign of life. Renewed every third of it; effects on storage stop after two '
        'thirds without a renewal.',
    ),
    cfg.IntOpt(
        'migration_step_deadline',
        default=3600,
        min=1,
        help='Seconds for which a step of a migration may be put off again and again by '
        'temporary errors. Past it the migration fails with the last reason. From the moment '
        'the destination opens on, and while the source has to be opened again, the step is '
        'tried for ever, and reported as overdue. A driver that does not answer for so long '
        'is reported, too.',
    ),
    cfg.IntOpt(
        'migration_refresh_interval',
        default=600,
        min=1,
        help='Seconds between two rounds that keep the copy fresh while a migration waits in '
        'migration_driver_phase1_done.',
    ),
    cfg.IntOpt(
        'migration_catch_up_rounds',
        default=3,
        min=0,
        help='Rounds of copying, clients still writing, with which complete begins.',
    ),
    cfg.FloatOpt(
        'migration_downtime_budget',
        default=10.0,
        min=0.1,
        help='Seconds the cut-over may take; catch-up rounds end early once the predicted '
        'cut-over fits.',
    ),
    cfg.BoolOpt(
        'migration_keep_addresses',
        default=False,
        help='Give the new server of a migration to this back end the addresses of its source, '
        'so that clients find their shares where they were. Possible where the driver can (linux '
        'with linux_isolation = netns at both ends) and the server stays on its subnets; else it '
        'gets new addresses. Files that clients hold open are lost to them either way.',
    ),
]

# SPDX-License-Identifier: Apache-2.0

"""Options of the scheduler, in [DEFAULT]."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'scheduler_default_filters',
        default=[
            'OnlyHostFilter',
            'AvailabilityZoneFilter',
            'CapacityFilter',
            'CapabilitiesFilter',
            'DriverFilter',
            'ShareReplicationFilter',
            'CreateFromSnapshotFilter',
            'AffinityFilter',
            'AntiAffinityFilter',
        ],
        help='Filters a pool has to pass to take a new share, in this order. Names of the entry '
        'point namespace ssm.scheduler.filters.',
    ),
    cfg.ListOpt(
        'scheduler_default_extend_filters',
        default=['CapacityFilter', 'DriverFilter'],
        help='Filters the pool of a share has to pass when the share grows. See '
        'scheduler_default_filters.',
    ),
    cfg.ListOpt(
        'scheduler_default_weighers',
        default=['CapacityWeigher', 'GoodnessWeigher', 'HostAffinityWeigher'],
        help='Weighers that rate the pools left. Names of ssm.scheduler.weighers.',
    ),
    cfg.FloatOpt(
        'capacity_weight_multiplier',
        default=1.0,
        help='Weight of free capacity; negative prefers full pools.',
    ),
    cfg.FloatOpt(
        'max_over_subscription_ratio',
        default=20.0,
        min=1.0,
        help='How many times its capacity a thin pool may promise that reports no ratio of its '
        'own. The option of the same name in the stanza of a back end is what it reports.',
    ),
]

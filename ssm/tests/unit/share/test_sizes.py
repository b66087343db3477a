# SPDX-License-Identifier: Apache-2.0

"""Extend, shrink and revert, through the end point of the share manager."""

from unittest import mock

from ssm.common import exceptions
from ssm.db import models
from ssm.rpc.share import ShareClient
from ssm.share import service
from ssm.tests.unit.share import base
from ssm.tests.unit.share.test_shares import ManagerTestCase


class SizesTestCase(ManagerTestCase):
    """A back end with a share of 1 GiB."""

    def setUp(self):
        super().setUp()
        self.serve()
        self.instance_id = self.created()
        self.share_id = self.row(self.instance_id).share_id

    def state(self):
        """Status of the instance, and size of the share."""
        size = base.get(models.Share, self.share_id).size
        return self.row(self.instance_id).status, size

    def begin(self, status):
        base.change(models.ShareInstance, self.instance_id, status=status)

    def fail(self, method, error):
        """Have the driver fail from now on."""

        def raise_it(*_arguments):
            raise error

        setattr(self.back_end.driver, method, raise_it)


class ResizeTest(SizesTestCase):
    def extend(self, size=5):
        self.manager.extend_share(self.context, self.instance_id, size)

    def shrink(self, size=2):
        self.manager.shrink_share(self.context, self.instance_id, size)

    def test_grown_and_shrunk(self):
        self.begin('extending')
        self.extend()
        self.assertEqual(('available', 5), self.state())
        self.begin('shrinking')
        self.shrink()
        self.assertEqual(('available', 2), self.state())

    def test_a_late_or_doubled_message_changes_nothing(self):
        self.extend()
        self.shrink()
        self.assertEqual(('available', 1), self.state())

    def test_failures(self):
        refused = exceptions.DriverRefused('no')
        self.fail('extend_share', refused)
        self.begin('extending')
        self.extend()
        self.assertEqual(('extending_error', 1), self.state())
        self.fail('shrink_share', refused)
        self.begin('shrinking')
        self.shrink()
        self.assertEqual(('shrinking_error', 1), self.state())

    def test_data_that_does_not_fit(self):
        self.begin('extending')
        self.extend()
        self.fail('shrink_share', exceptions.DataLoss('4 GiB do not fit'))
        self.begin('shrinking')
        self.shrink()
        self.assertEqual(('available', 5), self.state())

    def test_a_start_of_the_service_goes_on_with_it(self):
        for status in ('extending', 'shrinking'):
            base.change(models.ShareInstance, self.instance_id, status=status, wanted_size=3)
            with mock.patch.object(ShareClient, 'cast') as cast:
                service._resend(self.back_end.host)
            cast.assert_called_once_with(
                mock.ANY,
                f'{status.removesuffix("ing")}_share',
                host=self.back_end.host,
                share_instance_id=self.instance_id,
                new_size=3,
            )


class RevertTest(SizesTestCase):
    def setUp(self):
        super().setUp()
        snapshot_id = base.insert(
            models.Snapshot(share_id=self.share_id, size=1, share_size=1, share_proto='NFS')
        )
        self.snapshot_id = base.insert(
            models.SnapshotInstance(
                snapshot_id=snapshot_id, share_instance_id=self.instance_id, status='creating'
            )
        )
        self.manager.create_snapshot_instance(self.context, self.snapshot_id)
        base.change(models.Share, self.share_id, size=7)

    def begin_revert(self):
        self.begin('reverting')
        base.change(models.SnapshotInstance, self.snapshot_id, status='restoring')

    def snapshot_status(self):
        return base.get(models.SnapshotInstance, self.snapshot_id).status

    def revert(self):
        self.manager.revert_to_snapshot(self.context, self.snapshot_id)

    def test_reverted(self):
        self.revert()
        self.assertEqual(('available', 7), self.state())
        self.begin_revert()
        self.revert()
        self.assertEqual(('available', 1), self.state())
        self.assertEqual('available', self.snapshot_status())

    def test_failed_revert(self):
        self.begin_revert()
        self.fail('revert_to_snapshot', exceptions.DriverRefused('no'))
        self.revert()
        self.assertEqual(('reverting_error', 7), self.state())
        self.assertEqual('available', self.snapshot_status())

    def test_a_start_of_the_service_goes_on_with_it(self):
        self.begin_revert()
        with mock.patch.object(ShareClient, 'cast') as cast:
            service._resend(self.back_end.host)
        cast.assert_called_once_with(
            mock.ANY,
            'revert_to_snapshot',
            host=self.back_end.host,
            snapshot_instance_id=self.snapshot_id,
        )

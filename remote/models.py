"""Who may call over the wire, and what calls were answered that may be sent again."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backlog.fields import DocumentField, KeyField, NameField, TimestampField
from remote.scopes import SCOPES


class Token(models.Model):
    """Whoever shows it acts as `worker`. Of its secret there is a digest alone (SHA-256).

    `phases` and `roles`: lists of the names that it is limited to; empty: any.
    """

    key = models.TextField(primary_key=True, editable=False)
    digest = models.BinaryField(editable=False)
    worker = NameField()
    scope = models.TextField(choices=[(scope, scope) for scope in SCOPES], default="work")
    phases = DocumentField(default=list, blank=True)
    roles = DocumentField(default=list, blank=True)
    created_at = TimestampField(db_default=Now(), editable=False)
    created_by = models.TextField(editable=False)
    expires_at = TimestampField(null=True, blank=True)
    revoked_at = TimestampField(null=True, editable=False)
    last_used_at = TimestampField(null=True, editable=False)

    class Meta:
        db_table = "remote_token"
        constraints = [models.CheckConstraint(condition=Q(scope__in=SCOPES), name="token_scope")]
        indexes = [models.Index("worker", name="remote_token_worker")]

    def __str__(self) -> str:
        return f"{self.key} of {self.worker}"


class Answer(models.Model):
    """What a call was answered that had an idempotency key: the same call is answered so again.

    `asked`: a digest of verb and body.
    """

    pk = models.CompositePrimaryKey("token_key", "idempotency_key")
    token_key = models.TextField()
    idempotency_key = KeyField()
    asked = models.BinaryField()
    exit_status = models.IntegerField()
    content_type = models.TextField()
    body = models.TextField()
    at = TimestampField(db_default=Now(), editable=False)

    class Meta:
        db_table = "remote_answer"
        default_permissions = ()
        indexes = [models.Index("at", name="remote_answer_at")]

    def __str__(self) -> str:
        return f"answer to {self.idempotency_key} of {self.token_key}"

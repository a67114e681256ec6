"""The groups that say who may read, steer and administer."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

# Each role may what the one before it may.
ROLES = {
    "viewer": ["view_card", "view_event"],
    "operator": ["add_card", "change_card"],
    "staff": ["delete_card", "administer"],
}


def make_groups(apps: Any, schema_editor: Any) -> None:
    config = apps.get_app_config("backlog")
    # Django makes permissions after all migrations; the groups need them now.
    models_module = getattr(config, "models_module", None)
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = models_module
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    codenames = []
    for role, more in ROLES.items():
        codenames += more
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.add(
            *Permission.objects.filter(content_type__app_label="backlog", codename__in=codenames)
        )


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0003_history"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="card",
            options={
                "permissions": [("administer", "Can use the admin")],
                "verbose_name": "card",
            },
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]

from django.db import migrations

# `leafloaf.staff.roles` says what each may do, and gives it after every migrate.
ROLES = ("Support", "Privacy officer", "Analyst", "Operator", "Merchandiser")


def make_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.bulk_create([groups.model(name=name) for name in ROLES], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    # Backwards nothing is taken away: the groups have members.
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]

"""Importing a file, step by step: choose it, say what its columns are, look, load, follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from clients_app import audit
from clients_app.csv_text import BYTE_ORDER_MARK, CONTENT_TYPE, lines
from clients_app.imports import drafts, load, report, sheets
from clients_app.imports.columns import targets
from clients_app.imports.drafts import WrongState
from clients_app.imports.rows import DryRun, dry_run
from clients_app.imports.table import SheetError
from clients_app.models import (
    FileImport,
    FileReading,
    ImportState,
    Membership,
    Role,
    Status,
    Step,
)
from clients_app.questions import custom_fields
from clients_app.views.access import members_only
from clients_app.views.downloads import as_file
from clients_app.views.uploads import takes_files

LISTED = 20
LOOKED_AT = 50
"""Rows in which a column's first values are looked for."""
SAID_IN_WORDS = 1_048_576
"""By so much a file may be too large and still hear so at its field."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _import(member: Membership, import_id: UUID) -> FileImport:
    found = get_object_or_404(
        FileImport.objects.select_related("created_by").defer("content"),
        organisation=member.organisation,
        uuid=import_id,
    )
    found.organisation = member.organisation
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
@takes_files(sheets.MAX_BYTES + SAID_IN_WORDS)
def import_start(request: HttpRequest, member: Membership) -> HttpResponse:
    """Take a file, and list what was imported lately."""
    problem = ""
    if request.method == "POST":
        chosen = request.FILES.get("file")
        try:
            if chosen is None:
                raise SheetError(_("Choose a file."))
            if (chosen.size or 0) > sheets.MAX_BYTES:
                raise SheetError(
                    _("The file is larger than 5 MB. Split it into smaller files.")
                )
            draft = drafts.upload(
                member.organisation, chosen.name or "", chosen.read(), user=member.user
            )
            return redirect("import-columns", member.organisation.slug, draft.uuid)
        except SheetError as error:
            problem = str(error)
    recent = FileImport.objects.filter(organisation=member.organisation).defer(
        "content"
    )
    context = {
        "member": member,
        "problem": problem,
        "problems": [("id_file", problem)] if problem else [],
        "imports": recent.select_related("created_by").order_by("-created_at")[:LISTED],
    }
    status = 422 if problem else 200
    return render(request, "imports/start.html", context, status=status)


@require_safe
@members_only(Role.REVIEWER)
def import_template(
    request: HttpRequest, member: Membership, kind: str
) -> HttpResponse:
    """Hand out a file to fill in, with the organisation's own fields."""
    rows = report.template_rows(member.organisation)
    if kind == "xlsx":
        response = HttpResponse(report.workbook(rows), content_type=XLSX)
    else:
        response = HttpResponse(
            BYTE_ORDER_MARK + lines(rows), content_type=CONTENT_TYPE
        )
    return as_file(response, f"clients-template.{kind}")


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def import_columns(
    request: HttpRequest, member: Membership, import_id: UUID
) -> HttpResponse:
    """Show how the file reads, and ask what each column is."""
    draft = _import(member, import_id)
    slug = member.organisation.slug
    if draft.state != ImportState.DRAFT:
        return redirect("import-progress", slug, import_id)
    action = request.POST.get("action")
    if action == "discard":
        return _discarded(request, member, draft)
    wrong: list[str] = []
    chosen = list(draft.columns)
    try:
        reading = drafts.reading_of(draft)
        if action == "read":
            encoding = request.POST.get("encoding", "")
            drafts.read_again(draft, encoding, request.POST.get("delimiter", ""))
            return redirect("import-columns", slug, import_id)
        if action and reading.headers and not reading.awaits:
            count = len(draft.columns)
            chosen = [request.POST.get(f"column_{at}", "") for at in range(count)]
            default_type = request.POST.get("default_type", "")
            wrong = drafts.choose_columns(draft, chosen, default_type)
            if not wrong:
                return redirect("import-check", slug, import_id)
    except SheetError as error:
        if draft.content is None:
            messages.error(request, str(error))
            return redirect("import-start", slug)
        wrong = [str(error)]
    except WrongState:
        _somebody_was_faster(request)
        return redirect("import-progress", slug, import_id)
    if reading.awaits:
        return _waiting_page(request, member, draft, reading)
    if not reading.headers:
        return _unread_page(request, member, draft, wrong or [reading.problem])
    return _columns_page(request, member, draft, chosen, wrong)


def _discarded(
    request: HttpRequest, member: Membership, draft: FileImport
) -> HttpResponse:
    try:
        drafts.discard(draft)
        messages.success(request, _("The file is removed. Nothing was loaded."))
    except WrongState:
        _somebody_was_faster(request)
    return redirect("import-start", member.organisation.slug)


def _waiting_page(
    request: HttpRequest, member: Membership, draft: FileImport, reading: FileReading
) -> HttpResponse:
    """Show how far the worker is with a large file."""
    reads = reading.awaits == Step.READ
    heading = _("Reading the file") if reads else _("Checking the rows")
    context = {
        "member": member,
        "draft": draft,
        "reading": reading,
        "heading": heading,
    }
    return render(request, "imports/waiting.html", context)


def _unread_page(
    request: HttpRequest, member: Membership, draft: FileImport, wrong: list[str]
) -> HttpResponse:
    """Tell why a large file could not be read or checked, and what can be done."""
    context = {
        "member": member,
        "problems": [("", words) for words in wrong],
        **_how_read(member, draft),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "imports/unread.html", context, status=status)


def _how_read(member: Membership, draft: FileImport) -> dict[str, object]:
    return {
        "draft": draft,
        "columns_url": reverse(
            "import-columns", args=[member.organisation.slug, draft.uuid]
        ),
        "encodings": [(code, _(name)) for code, name in sheets.ENCODINGS.items()],
        "delimiters": [(code, _(name)) for code, name in sheets.DELIMITERS.items()],
    }


def _columns_page(
    request: HttpRequest,
    member: Membership,
    draft: FileImport,
    chosen: list[str],
    wrong: list[str],
) -> HttpResponse:
    table = drafts.table_of(draft)
    extra = custom_fields.specs_for(member.organisation)
    looked_at = [row.cells for row in table.chunk(0, LOOKED_AT)]
    columns = []
    for at, header in enumerate(table.headers):
        samples = [cells[at][:80] for cells in looked_at if cells[at]]
        name = chosen[at] if at < len(chosen) else ""
        columns.append(
            {"at": at, "header": header, "name": name, "samples": samples[:3]}
        )
    context = {
        "member": member,
        "columns": columns,
        "targets": targets(extra),
        "problems": [("", words) for words in wrong],
        "total": table.total,
        **_how_read(member, draft),
    }
    status = 422 if wrong else 200
    return render(request, "imports/columns.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def import_check(
    request: HttpRequest, member: Membership, import_id: UUID
) -> HttpResponse:
    """Show what loading would come to, and start it."""
    draft = _import(member, import_id)
    slug = member.organisation.slug
    if draft.state != ImportState.DRAFT:
        return redirect("import-progress", slug, import_id)
    try:
        reading = drafts.reading_of(draft)
        if request.method == "POST" and not reading.awaits:
            load.start(draft, user=member.user)
            return redirect("import-progress", slug, import_id)
        if reading.awaits:
            return _waiting_page(request, member, draft, reading)
        if not reading.headers:
            return redirect("import-columns", slug, import_id)
        if not reading.large:
            result = dry_run(draft)
        elif reading.problem:
            return _unread_page(request, member, draft, [reading.problem])
        elif reading.checked is None:
            drafts.ask(draft, Step.CHECK)
            return _waiting_page(request, member, draft, drafts.reading_of(draft))
        else:
            result = DryRun.from_json(reading.checked)
    except SheetError as error:
        messages.error(request, str(error))
        return redirect("import-start", slug)
    except WrongState:
        _somebody_was_faster(request)
        return redirect("import-progress", slug, import_id)
    context = {"member": member, "draft": draft, "result": result}
    return render(request, "imports/check.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def import_progress(
    request: HttpRequest, member: Membership, import_id: UUID
) -> HttpResponse:
    """Show how far an import is; pause it, go on, or cancel it."""
    file_import = _import(member, import_id)
    slug = member.organisation.slug
    if file_import.state == ImportState.DRAFT:
        return redirect("import-columns", slug, import_id)
    if request.method == "POST":
        _pressed(request, member, file_import)
        return redirect("import-progress", slug, import_id)
    found = report.progress(file_import)
    by_status = [
        (status, Status(status).label, count)
        for status, count in sorted(found.by_status.items())
    ]
    going = file_import.state in (ImportState.STORING, ImportState.STORED)
    needs_fix = found.by_status.get(Status.NEEDS_FIX, 0)
    context = {
        "member": member,
        "import": file_import,
        "found": found,
        "by_status": by_status,
        "ends_at": timezone.now() + timedelta(seconds=found.seconds_left),
        "at_work": going and bool(found.seconds_left),
        "may_pause": going and bool(found.seconds_left),
        "may_cancel": file_import.state != ImportState.CANCELLED
        and bool(found.seconds_left),
        "failed": file_import.faulty + needs_fix,
    }
    return render(request, "imports/progress.html", context)


def _pressed(request: HttpRequest, member: Membership, file_import: FileImport) -> None:
    """Do what a button asks, and say so; a button that is none does nothing."""
    try:
        match request.POST.get("action"):
            case "pause":
                load.pause(file_import, user=member.user)
                messages.success(request, _("The import is paused."))
            case "resume":
                load.resume(file_import, user=member.user)
                messages.success(request, _("The import goes on."))
            case "cancel":
                count = load.cancel(file_import, user=member.user)
                words = ngettext(
                    "The import is cancelled. {count} client was dropped unsent.",
                    "The import is cancelled. {count} clients were dropped unsent.",
                    count,
                )
                messages.success(request, words.format(count=count))
            case _other:
                pass
    except WrongState:
        _somebody_was_faster(request)


def _somebody_was_faster(request: HttpRequest) -> None:
    messages.warning(request, _("Somebody was faster. This is how it stands now."))


@require_safe
@members_only(Role.REVIEWER)
def import_failed(
    request: HttpRequest, member: Membership, import_id: UUID
) -> HttpResponseBase:
    """Stream the rows to correct and load again, with their reasons. Noted in the audit."""
    file_import = _import(member, import_id)
    if request.method != "HEAD":
        audit.record(
            "import.failed_rows",
            organisation=member.organisation,
            actor=member.user,
            about=file_import,
        )

    def body() -> Iterator[bytes]:
        yield BYTE_ORDER_MARK.encode()
        for row in report.failed_rows(file_import):
            yield lines([row]).encode()

    response = StreamingHttpResponse(body(), content_type=CONTENT_TYPE)
    return as_file(response, "failed-rows.csv")

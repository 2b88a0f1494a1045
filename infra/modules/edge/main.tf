# The Worker with its Durable Objects and its cache, and the ways to it. The private route key, and headers for a collector, are secrets of
# the Worker that were put there separately (wrangler secret put APP_ROUTE_KEY): a deployment keeps them, and no state file ever holds them.

locals {
  tags = var.edge.migrations[*].tag

  # What the deployed Worker has not gone through yet.
  pending = var.migrated_tag == null ? var.edge.migrations : slice(var.edge.migrations, index(local.tags, var.migrated_tag) + 1, length(local.tags))
}

resource "cloudflare_workers_kv_namespace" "routes" {
  account_id = var.account_id
  title      = "${var.edge.name}-routes"
}

resource "cloudflare_workers_script" "edge" {
  account_id         = var.account_id
  script_name        = var.edge.name
  main_module        = "index.mjs"
  content_file       = var.release.artifacts["edge"]
  content_sha256     = filesha256(var.release.artifacts["edge"])
  compatibility_date = var.edge.compatibilityDate
  keep_bindings      = ["secret_text"]

  bindings = [
    { type = "plain_text", name = "APP_VERSION", text = var.release.version },
    { type = "plain_text", name = "APP_ISSUER", text = var.edge.issuer },
    { type = "plain_text", name = "APP_JWKS_URL", text = var.edge.jwksUrl },
    { type = "plain_text", name = "APP_OPERATORS", text = jsonencode(var.edge.operators) },
    { type = "plain_text", name = "APP_DEVICE_CA", text = var.device_authorities },
    { type = "plain_text", name = "APP_QUOTAS", text = jsonencode(var.edge.quotas) },
    { type = "plain_text", name = "APP_FORWARD_TIMEOUT_MS", text = tostring(var.edge.forwardTimeoutMs) },
    { type = "plain_text", name = "APP_MONITOR", text = jsonencode(var.edge.monitor) },
    { type = "plain_text", name = "APP_OBJECTIVES", text = jsonencode(var.objectives) },
    { type = "plain_text", name = "APP_TRUST", text = jsonencode(var.edge.trust) },
    { type = "plain_text", name = "APP_CONSOLE", text = jsonencode(var.edge.console) },
    { type = "plain_text", name = "APP_CROSS_ORIGIN", text = jsonencode(var.edge.crossOrigin) },
    { type = "plain_text", name = "OTEL_EXPORTER_OTLP_ENDPOINT", text = var.edge.telemetry.endpoint },
    { type = "plain_text", name = "OTEL_TRACES_SAMPLER_ARG", text = tostring(var.edge.telemetry.share) },
    { type = "assets", name = "ASSETS" },
    { type = "kv_namespace", name = "ROUTES", namespace_id = cloudflare_workers_kv_namespace.routes.id },
    { type = "durable_object_namespace", name = "DIRECTORY", class_name = "DirectoryObject" },
    { type = "durable_object_namespace", name = "MONITOR", class_name = "MonitorObject" },
    { type = "durable_object_namespace", name = "MOVER", class_name = "MoverObject" },
  ]

  # Every request goes to the Worker first, which puts the console's headers on these files.
  assets = {
    directory = var.console_files
    config    = { html_handling = "auto-trailing-slash", run_worker_first = true }
  }

  migrations = length(local.pending) == 0 ? null : {
    old_tag = var.migrated_tag
    new_tag = local.tags[length(local.tags) - 1]
    steps   = [for migration in local.pending : { new_sqlite_classes = migration.newSqliteClasses }]
  }

  observability = {
    enabled            = true
    head_sampling_rate = 1
  }
}

resource "cloudflare_workers_cron_trigger" "monitor" {
  account_id  = var.account_id
  script_name = cloudflare_workers_script.edge.script_name
  # The monitor also runs while there is no traffic.
  schedules = [{ cron = var.edge.wakeMonitor }]
}

resource "cloudflare_workers_custom_domain" "edge" {
  account_id = var.account_id
  zone_id    = var.zone_id
  hostname   = var.edge.hostname
  service    = cloudflare_workers_script.edge.script_name
}

resource "cloudflare_workers_route" "this" {
  for_each = toset(var.edge.routes)
  zone_id  = var.zone_id
  pattern  = each.value
  script   = cloudflare_workers_script.edge.script_name
}

# What a cell is made of, as planned without an account. Expected values are the topology's, written out.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-central-1:111122223333:table/t"
      stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/t/stream/2026-01-01T00:00:00.000"
    }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:t" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:q", url = "https://sqs.eu-central-1.amazonaws.com/111122223333/q" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/r" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:g" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:f", version = "1" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = {
      arn        = "arn:aws:lambda:eu-central-1:111122223333:function:f:live"
      invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:f:live/invocations"
    }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a", api_endpoint = "https://a.execute-api.eu-central-1.amazonaws.com" }
  }
}

variables {
  cell = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22" }
  topology = {
    http  = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
    relay = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
    consumers = [
      { name = "device-state", effects = "derived", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
      { name = "rollups", effects = "derived", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
    ]
    deadLetterRetentionDays = 14
  }
  release      = { version = "1.2.3", artifacts = { http = "tests/unit/package.txt", relay = "tests/unit/package.txt", worker = "tests/unit/package.txt" } }
  route_keys   = [{ kty = "OKP", crv = "Ed25519", kid = "k1", x = "AAAA" }]
  identity_key = jsonencode({ kty = "OKP", crv = "Ed25519", kid = "cell-1", x = "AAAA", d = "AAAA" })
  edge         = "https://edge.example.com"
  objectives = {
    alarms = {
      errors          = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
      throttles       = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
      relayLagSeconds = { threshold = 60, periodSeconds = 60, evaluations = 5, breaching = 5 }
      queueAgeSeconds = { threshold = 120, periodSeconds = 60, evaluations = 5, breaching = 5 }
      deadLetters     = { threshold = 1, periodSeconds = 60, evaluations = 1, breaching = 1 }
      parked          = { threshold = 10, periodSeconds = 300, evaluations = 1, breaching = 1 }
    }
    cells     = { lagSeconds = 45 }
    consumers = { rollups = { queueAgeSeconds = { threshold = 900, periodSeconds = 60, evaluations = 5, breaching = 5 } } }
  }
}

run "as_declared" {
  command = apply

  assert {
    condition     = toset(keys(aws_lambda_function.this)) == toset(["http", "relay", "device-state", "rollups"])
    error_message = "There must be one function for the API, one for the relay and one a consumer."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.architectures == tolist(["arm64"]) && function.runtime == "nodejs22.x" && function.tracing_config[0].mode == "Active" && function.logging_config[0].log_format == "JSON"])
    error_message = "Every function must be arm64 on Node.js 22, traced, with logs as JSON."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.reserved_concurrent_executions == -1])
    error_message = "Nothing may be reserved unless asked for: new accounts refuse it."
  }
  assert {
    condition     = aws_lambda_function.this["rollups"].environment[0].variables == tomap({ APP_CELL = "aws-test", APP_VERSION = "1.2.3", APP_EVENTS_TABLE = "aws-test-events", APP_STATE_TABLE = "aws-test-state", APP_TOPIC_ARN = "arn:aws:sns:eu-central-1:111122223333:aws-test-events", APP_CONSUMER = "rollups", OTEL_EXPORTER_OTLP_ENDPOINT = "", OTEL_EXPORTER_OTLP_HEADERS = "", OTEL_TRACES_SAMPLER_ARG = "0.05" })
    error_message = "The worker must have its environment."
  }
  assert {
    condition     = aws_lambda_function.this["http"].environment[0].variables.APP_ENDPOINTS == output.endpoint && aws_lambda_function.this["http"].environment[0].variables.APP_ROUTE_AUDIENCE == "required"
    error_message = "The API must know its own endpoint, and take tokens for that alone."
  }
  assert {
    condition     = jsondecode(aws_lambda_function.this["http"].environment[0].variables.APP_ROUTE_KEYS)[0].kid == "k1"
    error_message = "The API must know the edge's public keys."
  }
  assert {
    condition     = alltrue([for name, queue in aws_sqs_queue.consumer : queue.visibility_timeout_seconds >= 6 * aws_lambda_function.this[trimsuffix(name, "_side")].timeout && queue.sqs_managed_sse_enabled])
    error_message = "A message must stay hidden for 6 times the timeout, in an encrypted queue."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.consumer["rollups"].redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-central-1:111122223333:aws-test-rollups-dead-letter", maxReceiveCount = 100 }
    error_message = "A queue must have its dead-letter queue."
  }
  assert {
    condition     = jsondecode(aws_sns_topic_subscription.consumer["rollups"].filter_policy) == { type = ["io.polycell.reading.v1"], consumer = ["rollups", { exists = false }], lane = [{ exists = false }] }
    error_message = "A consumer must get its types, and what is sent again to it alone."
  }
  assert {
    condition     = jsondecode(aws_sns_topic_subscription.side["rollups"].filter_policy) == { type = ["io.polycell.reading.v1"], consumer = ["rollups", { exists = false }], lane = ["side"] } && aws_sqs_queue.consumer["rollups_side"].name == "aws-test-rollups_side" && jsondecode(aws_sqs_queue.consumer["rollups_side"].redrive_policy).deadLetterTargetArn == "arn:aws:sqs:eu-central-1:111122223333:aws-test-rollups-dead-letter"
    error_message = "What is beyond a tenant's share must have a queue of its own."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.relay[0].function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.relay[0].maximum_retry_attempts == -1 && aws_lambda_event_source_mapping.relay[0].starting_position == "TRIM_HORIZON"
    error_message = "The relay must report single failures and never give up."
  }
  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.consumer : mapping.function_response_types == toset(["ReportBatchItemFailures"]) && mapping.batch_size == 500 && mapping.scaling_config[0].maximum_concurrency == 5])
    error_message = "Consumers must report single failures, in the topology's batches."
  }
  assert {
    condition     = aws_dynamodb_table.events.stream_view_type == "NEW_IMAGE" && alltrue([for table in [aws_dynamodb_table.events, aws_dynamodb_table.state] : table.point_in_time_recovery[0].enabled && table.ttl[0].attribute_name == "t" && table.deletion_protection_enabled])
    error_message = "Tables must be recoverable, protected and expire by t; the log must have its stream."
  }
  assert {
    condition     = alltrue(flatten([for policy in aws_iam_role_policy.function : [for statement in jsondecode(policy.policy).Statement : statement.Resource != "*" || toset(statement.Action) == toset(["xray:PutTelemetryRecords", "xray:PutTraceSegments"])]]))
    error_message = "Only actions without a resource may have a wildcard."
  }
  assert {
    condition     = alltrue(flatten([for policy in aws_iam_role_policy.function : [for statement in jsondecode(policy.policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]]]))
    error_message = "No action may be a wildcard."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.function["relay"].policy, "dynamodb:Query") && !strcontains(aws_iam_role_policy.function["http"].policy, "sns:Publish")
    error_message = "A function must not have what only another one needs."
  }
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.function["relay"].policy).Statement : sort(statement.Action) if statement.Sid == "State"]) == tolist(["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"])
    error_message = "The relay must be able to read what is erased, as it publishes nothing without, and to park."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.queue_age["rollups"].threshold == 900 && aws_cloudwatch_metric_alarm.queue_age["device-state"].threshold == 120 && aws_cloudwatch_metric_alarm.relay_lag[0].threshold == 60000
    error_message = "Alarms must have the objectives' thresholds, a consumer's own where there are some."
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.parked)) == toset(["relay", "device-state", "rollups"]) && toset(keys(aws_cloudwatch_metric_alarm.dead_letters)) == toset(["device-state", "rollups"])
    error_message = "What parks must have an alarm, and so must every dead-letter queue."
  }
  assert {
    condition     = { for name, alarm in aws_cloudwatch_metric_alarm.delay : name => alarm.threshold } == { to-state = 10000, lag = 45000, rpo = 7200000 }
    error_message = "The objectives of cells must have alarms, in milliseconds."
  }
  assert {
    condition     = toset([for filter in aws_cloudwatch_log_metric_filter.delay : filter.metric_transformation[0].name]) == toset(["Delay.to-state", "Delay.lag", "Delay.rpo"]) && toset([for filter in aws_cloudwatch_log_metric_filter.delay : filter.log_group_name]) == toset(["/aws/lambda/aws-test-device-state", "/aws/lambda/aws-test-rollups"])
    error_message = "What these alarms go by must come from the lines of every worker."
  }
  assert {
    condition     = !strcontains(lower(aws_apigatewayv2_stage.default[0].access_log_settings[0].format), "body") && aws_apigatewayv2_stage.default[0].default_route_settings[0].throttling_rate_limit == 500
    error_message = "The access log must not hold bodies, and the API must be throttled."
  }
  assert {
    condition     = output.health_url == "https://a.execute-api.eu-central-1.amazonaws.com/v1/health" && output.network == null && length(aws_vpc.cell) == 0
    error_message = "The cell must say where it is, and has no network of its own unless asked."
  }
}

run "one_more_consumer" {
  command = plan

  variables {
    topology = {
      http  = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers = [
        { name = "rollups", effects = "derived", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
        { name = "alerts", effects = "home-only", types = ["io.polycell.alarm.v1", "io.polycell.reading.v1"], batchSize = 10, batchWindowSeconds = 0, timeoutSeconds = 5, memoryMegabytes = 256, maximumConcurrency = 2, visibilitySeconds = 30, maximumDeliveries = 50 },
        { name = "replicate", effects = "copies", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
      ]
      deadLetterRetentionDays = 14
    }
  }

  assert {
    condition     = aws_sqs_queue.consumer["alerts"].name == "aws-test-alerts" && aws_sqs_queue.dead_letter["alerts"].name == "aws-test-alerts-dead-letter" && jsondecode(aws_sns_topic_subscription.consumer["alerts"].filter_policy).type == ["io.polycell.alarm.v1", "io.polycell.reading.v1"]
    error_message = "A consumer must get its queues and its filter."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.consumer["alerts"].batch_size == 10 && aws_lambda_function.this["alerts"].environment[0].variables.APP_CONSUMER == "alerts"
    error_message = "A consumer must get its function and its mapping."
  }
  assert {
    condition     = aws_lambda_function.this["alerts"].environment[0].variables.APP_EDGE == "https://edge.example.com" && contains(keys(aws_lambda_function.this["alerts"].environment[0].variables), "APP_ROUTE_KEYS") && !contains(keys(aws_lambda_function.this["rollups"].environment[0].variables), "APP_IDENTITY_KEY")
    error_message = "A worker whose effects must happen once must get the cell's key, the edge and its public keys, and no other worker the key."
  }
  assert {
    condition     = contains(keys(aws_lambda_function.this["replicate"].environment[0].variables), "APP_IDENTITY_KEY") && contains(keys(aws_lambda_function.this["replicate"].environment[0].variables), "APP_ROUTE_KEYS") && !contains(keys(aws_lambda_function.this["replicate"].environment[0].variables), "APP_EDGE")
    error_message = "The worker that sends copies must get the cell's key and the edge's public keys."
  }
  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.errors), "alerts") && contains(keys(aws_cloudwatch_metric_alarm.queue_age), "alerts") && contains(keys(aws_cloudwatch_metric_alarm.dead_letters), "alerts") && contains(keys(aws_cloudwatch_metric_alarm.throttles), "alerts")
    error_message = "A consumer must get its alarms."
  }
}

run "every_option" {
  command = apply

  variables {
    cell            = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs20", domain = "cell.example.com" }
    private_network = true
    alarm_emails    = ["ops@example.com"]
    options = {
      reserve_concurrency  = true
      customer_managed_key = true
      availability_zones   = 3
      certificate_arn      = "arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
    }
  }

  assert {
    condition     = toset(values(aws_subnet.private)[*].cidr_block) == toset(["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/20"]) && aws_vpc.cell[0].cidr_block == "10.1.0.0/16"
    error_message = "The network must lie in the cell's CIDR."
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["kms", "logs", "sns", "xray"])
    error_message = "Every service that the functions call must have an endpoint."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : length(function.vpc_config) == 1]) && aws_lambda_function.this["http"].reserved_concurrent_executions == 100 && aws_lambda_function.this["http"].runtime == "nodejs20.x"
    error_message = "Functions must be in the network, with their share of the concurrency."
  }
  assert {
    condition     = aws_dynamodb_table.events.server_side_encryption[0].enabled && alltrue([for queue in aws_sqs_queue.consumer : queue.kms_master_key_id != null])
    error_message = "Data must be encrypted with the account's own key."
  }
  assert {
    condition     = output.endpoint == "https://cell.example.com" && aws_apigatewayv2_api.http[0].disable_execute_api_endpoint
    error_message = "A cell with a domain must be reached by it alone."
  }
}

# The cell in containers, as planned without an account: on Fargate, and in a cluster of the operator's own.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
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
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:s" }
  }
  mock_resource "aws_secretsmanager_secret_version" {
    defaults = { version_id = "v1" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:cluster/c", id = "arn:aws:ecs:eu-central-1:111122223333:cluster/c" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/t:1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/l/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/g/1" }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/l/1/2" }
  }
  mock_resource "aws_vpc_endpoint" {
    defaults = { dns_entry = [{ dns_name = "vpce-1.streams.example.com", hosted_zone_id = "Z1" }], prefix_list_id = "pl-1" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a", api_endpoint = "https://a.execute-api.eu-central-1.amazonaws.com" }
  }
}

variables {
  cell            = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "container" }
  private_network = true
  topology = {
    http  = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
    relay = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
    consumers = [
      { name = "rollups", effects = "derived", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 600, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
      { name = "replicate", effects = "copies", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
    ]
    deadLetterRetentionDays = 14
  }
  release      = { version = "1.2.3", artifacts = {}, image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/polycell-aws@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
  route_keys   = [{ kty = "OKP", crv = "Ed25519", kid = "k1", x = "AAAA" }]
  identity_key = jsonencode({ kty = "OKP", crv = "Ed25519", kid = "cell-1", x = "AAAA", d = "SECRET" })
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
    consumers = { rollups = { errors = { threshold = 7, periodSeconds = 60, evaluations = 5, breaching = 3 } } }
  }
}

run "on_fargate" {
  command = apply

  assert {
    condition     = length(aws_lambda_function.this) == 0 && length(aws_lambda_event_source_mapping.relay) == 0 && length(aws_lambda_event_source_mapping.consumer) == 0 && length(aws_lambda_event_source_mapping.dead_letter) == 0 && length(aws_lambda_permission.http) == 0
    error_message = "A cell in containers must have no function, and nothing that calls one."
  }
  assert {
    condition     = toset(keys(aws_ecs_service.part)) == toset(["http", "relay", "rollups", "replicate"]) && output.functions == { http = "aws-test-http", relay = "aws-test-relay", rollups = "aws-test-rollups", replicate = "aws-test-replicate" }
    error_message = "There must be one service for the API, one for the relay and one a consumer."
  }
  assert {
    condition     = alltrue([for task in aws_ecs_task_definition.part : task.runtime_platform[0].cpu_architecture == "ARM64" && task.requires_compatibilities == toset(["FARGATE"]) && task.skip_destroy])
    error_message = "Every task must be arm64 on Fargate, and stay, as a deployment that fails goes back to it."
  }
  assert {
    condition = alltrue([for task in aws_ecs_task_definition.part : alltrue([for container in jsondecode(task.container_definitions) :
      container.readonlyRootFilesystem && container.user == "65532:65532" && container.linuxParameters.capabilities.drop == ["ALL"] && container.stopTimeout > 45 && strcontains(container.image, "@sha256:") && container.logConfiguration.logDriver == "awslogs"
    ])])
    error_message = "Containers must write nothing, run as the image's user without capabilities, have their time to end, be of one digest, and log to CloudWatch."
  }
  assert {
    condition     = { for name, task in aws_ecs_task_definition.part : name => "${task.cpu} ${task.memory}" } == { http = "256 512", relay = "256 512", rollups = "256 1024", replicate = "256 512" }
    error_message = "A container must have no less memory than a function, in a size of Fargate."
  }
  assert {
    condition = { for variable in jsondecode(aws_ecs_task_definition.part["rollups"].container_definitions)[0].environment : variable.name => variable.value } == {
      APP_CELL                    = "aws-test"
      APP_EVENTS_TABLE            = "aws-test-events"
      APP_HEALTH_PORT             = "8081"
      APP_QUEUES                  = "https://sqs.eu-central-1.amazonaws.com/111122223333/aws-test"
      APP_RUN                     = "rollups"
      APP_STATE_TABLE             = "aws-test-state"
      APP_TOPIC_ARN               = "arn:aws:sns:eu-central-1:111122223333:aws-test-events"
      APP_VERSION                 = "1.2.3"
      AWS_REGION                  = "eu-central-1"
      OTEL_EXPORTER_OTLP_ENDPOINT = ""
      OTEL_TRACES_SAMPLER_ARG     = "0.05"
    }
    error_message = "A consumer must have its environment."
  }
  assert {
    condition     = one([for variable in jsondecode(aws_ecs_task_definition.part["relay"].container_definitions)[0].environment : variable.value if variable.name == "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"]) == "https://vpce-1.streams.example.com"
    error_message = "The relay must reach the stream by its private endpoint."
  }
  assert {
    condition     = one([for variable in jsondecode(aws_ecs_task_definition.part["http"].container_definitions)[0].environment : variable.value if variable.name == "APP_ENDPOINTS"]) == output.endpoint && contains([for variable in jsondecode(aws_ecs_task_definition.part["http"].container_definitions)[0].environment : "${variable.name}=${variable.value}"], "APP_PORT=8080")
    error_message = "The API must know its own endpoint and port."
  }
  assert {
    condition     = alltrue([for task in aws_ecs_task_definition.part : !strcontains(task.container_definitions, "SECRET")])
    error_message = "No task definition may hold a secret."
  }
  assert {
    condition     = { for name, task in aws_ecs_task_definition.part : name => [for secret in jsondecode(task.container_definitions)[0].secrets : "${secret.name} ${secret.valueFrom}"] } == { http = ["APP_IDENTITY_KEY arn:aws:secretsmanager:eu-central-1:111122223333:secret:s:::v1"], relay = [], rollups = [], replicate = ["APP_IDENTITY_KEY arn:aws:secretsmanager:eu-central-1:111122223333:secret:s:::v1"] }
    error_message = "The cell's key must come from the secret store, by version, to the parts that read it alone."
  }
  assert {
    condition     = { for name, policy in aws_iam_role_policy.start : name => [for statement in jsondecode(policy.policy).Statement : statement.Sid] } == { http = ["Registry", "Image", "Log", "Secrets"], relay = ["Registry", "Image", "Log"], rollups = ["Registry", "Image", "Log"], replicate = ["Registry", "Image", "Log", "Secrets"] }
    error_message = "What starts a part may pull, log, and read its secrets, nothing else."
  }
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.start["http"].policy).Statement : statement.Resource if statement.Sid == "Image"]) == "arn:aws:ecr:eu-central-1:111122223333:repository/team/polycell-aws"
    error_message = "Only the image of the release may be pulled."
  }
  assert {
    condition     = alltrue(flatten([for policies in [aws_iam_role_policy.task, aws_iam_role_policy.start] : [for policy in policies : [for statement in jsondecode(policy.policy).Statement : flatten([statement.Resource]) != ["*"] || statement.Action == ["ecr:GetAuthorizationToken"]]]]))
    error_message = "Only the action that knows no resource may have a wildcard."
  }
  assert {
    condition     = { for name, policy in aws_iam_role_policy.task : name => [for statement in jsondecode(policy.policy).Statement : statement.Sid] } == { http = ["EventsAppend", "EventsRead", "State"], relay = ["Stream", "Publish", "State", "Streams", "Feed"], rollups = ["Queue", "Events", "State"], replicate = ["Queue", "Events", "State"] }
    error_message = "A part must have what its function has, the relay its shards besides, and nothing of Lambda's."
  }
  assert {
    condition     = length(aws_iam_role.function) == 0 && alltrue([for role in aws_iam_role.task : jsondecode(role.assume_role_policy).Statement[0].Principal.Service == "ecs-tasks.amazonaws.com"])
    error_message = "Tasks must run under the roles."
  }
  assert {
    condition     = alltrue([for service in aws_ecs_service.part : service.deployment_circuit_breaker[0].enable && service.deployment_circuit_breaker[0].rollback && service.deployment_minimum_healthy_percent == 100 && service.wait_for_steady_state && !service.network_configuration[0].assign_public_ip && length(service.load_balancer) == (service.name == "aws-test-http" ? 1 : 0)])
    error_message = "A deployment that fails must go back, without a container fewer meanwhile; no container has a public address, and http alone is balanced."
  }
  assert {
    condition     = { for name, target in aws_appautoscaling_target.part : name => "${target.min_capacity} to ${target.max_capacity}" } == { http = "2 to 20", relay = "2 to 8", rollups = "1 to 10", replicate = "1 to 10" } && toset(keys(aws_appautoscaling_policy.load)) == toset(["http", "relay"]) && toset(keys(aws_appautoscaling_policy.backlog)) == toset(["rollups", "replicate"])
    error_message = "Parts must scale: what serves and relays by its load, consumers by their backlog."
  }
  assert {
    condition     = toset([for metric in aws_appautoscaling_policy.backlog["rollups"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : one([for dimension in metric.metric_stat[0].metric[0].dimensions : dimension.value if dimension.name == "QueueName"]) if metric.expression == null && metric.id != "count"]) == toset(["aws-test-rollups", "aws-test-rollups_side"])
    error_message = "The backlog must be that of both lanes."
  }
  assert {
    condition     = aws_apigatewayv2_integration.http[0].integration_type == "HTTP_PROXY" && aws_apigatewayv2_integration.http[0].connection_type == "VPC_LINK" && aws_apigatewayv2_integration.http[0].integration_uri == "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/l/1/2" && aws_apigatewayv2_stage.default[0].default_route_settings[0].throttling_rate_limit == 500 && aws_lb.cell[0].internal
    error_message = "The API must reach the containers by the VPC link alone, throttled as before."
  }
  assert {
    condition     = aws_lb_target_group.http[0].health_check[0].path == "/readyz" && aws_lb_target_group.http[0].health_check[0].port == "8081" && aws_lb_target_group.http[0].port == 8080
    error_message = "A container must get requests while it is ready."
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["sns", "sqs"]) && toset(keys(aws_nat_gateway.outward)) == toset(["eu-central-1a", "eu-central-1b"]) && toset(values(aws_subnet.public)[*].cidr_block) == toset(["10.1.80.0/24", "10.1.81.0/24"])
    error_message = "Store and bus must be reached by endpoints, and the edge by a way out in each zone."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.errors["rollups"].namespace == "Polycell/aws-test" && aws_cloudwatch_metric_alarm.errors["rollups"].metric_name == "Errors.rollups" && aws_cloudwatch_metric_alarm.errors["rollups"].threshold == 7 && length(coalesce(aws_cloudwatch_metric_alarm.errors["rollups"].dimensions, {})) == 0 && length(aws_cloudwatch_metric_alarm.throttles) == 0
    error_message = "Errors must be counted from the log, by the consumer's own objective; nothing is throttled."
  }
  assert {
    condition     = aws_cloudwatch_log_metric_filter.errors["rollups"].metric_transformation[0].name == "Errors.rollups" && aws_cloudwatch_log_metric_filter.errors["rollups"].log_group_name == "/aws/ecs/aws-test-rollups" && aws_cloudwatch_log_metric_filter.relay_lag["relay"].metric_transformation[0].name == aws_cloudwatch_metric_alarm.relay_lag[0].metric_name && aws_cloudwatch_metric_alarm.relay_lag[0].threshold == 60000
    error_message = "What alarms go by must come from the containers' logs."
  }
  assert {
    condition     = toset([for filter in aws_cloudwatch_log_metric_filter.delay : filter.log_group_name]) == toset(["/aws/ecs/aws-test-rollups", "/aws/ecs/aws-test-replicate"]) && toset(keys(aws_cloudwatch_metric_alarm.parked)) == toset(["relay", "rollups", "replicate"])
    error_message = "Alarms from the lines of workers must go on."
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.stopped)) == toset(["http", "relay", "rollups", "replicate"]) && alltrue([for alarm in aws_cloudwatch_metric_alarm.stopped : alarm.treat_missing_data == "breaching"])
    error_message = "A part of which no container runs must have an alarm."
  }
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.cell.dashboard_body, "AWS/Lambda") && strcontains(aws_cloudwatch_dashboard.cell.dashboard_body, "Lag.relay") && strcontains(aws_cloudwatch_dashboard.cell.dashboard_body, "MemoryUtilization")
    error_message = "The dashboard must show containers."
  }
  assert {
    condition     = output.deployment.method == "terraform" && output.deployment.image == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/polycell-aws@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    error_message = "The cell must say which image it runs: the pipeline goes back to it."
  }
}

run "every_option_in_containers" {
  command = apply

  variables {
    cell              = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "container", domain = "cell.example.com" }
    telemetry         = { endpoint = "https://otlp.example.com" }
    telemetry_headers = "key=SECRET"
    options = {
      customer_managed_key = true
      certificate_arn      = "arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
      internet             = false
      containers           = { http = { cpu = 1024, minimum = 3, maximum = 40 } }
    }
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sns", "sqs"]) && length(aws_nat_gateway.outward) == 0 && length(aws_internet_gateway.cell) == 0 && length(aws_vpc_endpoint.images) == 1
    error_message = "Without a way out, everything that containers need must have an endpoint."
  }
  assert {
    condition     = "${aws_ecs_task_definition.part["http"].cpu} ${aws_ecs_task_definition.part["http"].memory}" == "1024 2048" && "${aws_appautoscaling_target.part["http"].min_capacity} to ${aws_appautoscaling_target.part["http"].max_capacity}" == "3 to 40"
    error_message = "A part must get what was asked for it, in a size of Fargate."
  }
  assert {
    condition     = alltrue([for name, task in aws_ecs_task_definition.part : contains([for secret in jsondecode(task.container_definitions)[0].secrets : secret.name], "OTEL_EXPORTER_OTLP_HEADERS") && !strcontains(task.container_definitions, "key=SECRET")])
    error_message = "The collector's headers are a secret of every part."
  }
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.start : contains([for statement in jsondecode(policy.policy).Statement : statement.Sid], "Key")]) && alltrue([for secret in aws_secretsmanager_secret.cell : secret.kms_key_id != null])
    error_message = "Secrets must be encrypted with the account's own key, and be readable."
  }
  assert {
    condition     = output.endpoint == "https://cell.example.com"
    error_message = "A cell with a domain must be reached by it."
  }
}

run "in_a_cluster" {
  command = apply

  variables {
    private_network = false
    release         = { version = "1.2.3", artifacts = {} }
    cluster         = { endpoint = "https://cell.cluster.example.com", issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC" }
  }

  assert {
    condition     = length(aws_ecs_service.part) == 0 && length(aws_lambda_function.this) == 0 && length(aws_apigatewayv2_api.http) == 0 && length(aws_vpc.cell) == 0 && length(aws_secretsmanager_secret.cell) == 0
    error_message = "For a cluster, the module must make store and bus alone."
  }
  assert {
    condition     = toset(keys(aws_sqs_queue.consumer)) == toset(["rollups", "rollups_side", "replicate", "replicate_side"]) && toset(keys(aws_cloudwatch_metric_alarm.queue_age)) == toset(keys(aws_sqs_queue.consumer)) && length(aws_cloudwatch_metric_alarm.errors) == 0
    error_message = "Queues must be there with their alarms; what the cluster's logs say is the cluster's."
  }
  assert {
    condition     = jsondecode(aws_iam_role.cluster[0].assume_role_policy).Statement[0].Condition.StringEquals == { "oidc.eks.eu-central-1.amazonaws.com/id/ABC:aud" = "sts.amazonaws.com", "oidc.eks.eu-central-1.amazonaws.com/id/ABC:sub" = "system:serviceaccount:aws-test:aws-test" } && jsondecode(aws_iam_role.cluster[0].assume_role_policy).Statement[0].Principal.Federated == "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"
    error_message = "The service account of the cell's namespace alone may take the role."
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.cluster[0].policy).Statement : flatten([statement.Resource]) != ["*"]]) && length(distinct([for statement in jsondecode(aws_iam_role_policy.cluster[0].policy).Statement : jsonencode(statement)])) == length(jsondecode(aws_iam_role_policy.cluster[0].policy).Statement) && length(aws_iam_role_policy.cluster[0].policy) < 10240
    error_message = "The role must have what the parts have, each once, and no wildcard."
  }
  assert {
    condition = output.settings == {
      APP_CELL                    = "aws-test"
      APP_EDGE                    = "https://edge.example.com"
      APP_ENDPOINTS               = "https://cell.cluster.example.com"
      APP_EVENTS_TABLE            = "aws-test-events"
      APP_QUEUES                  = "https://sqs.eu-central-1.amazonaws.com/111122223333/aws-test"
      APP_ROUTE_AUDIENCE          = "required"
      APP_ROUTE_KEYS              = jsonencode([{ crv = "Ed25519", kid = "k1", kty = "OKP", x = "AAAA" }])
      APP_STATE_TABLE             = "aws-test-state"
      APP_TOPIC_ARN               = "arn:aws:sns:eu-central-1:111122223333:aws-test-events"
      APP_VERSION                 = "1.2.3"
      AWS_REGION                  = "eu-central-1"
      OTEL_EXPORTER_OTLP_ENDPOINT = ""
      OTEL_TRACES_SAMPLER_ARG     = "0.05"
    }
    error_message = "The module must say what the containers' environment is, without a secret."
  }
  assert {
    condition     = output.endpoint == "https://cell.cluster.example.com" && output.functions["relay"] == "aws-test-relay" && output.identities["relay"] == "arn:aws:iam::111122223333:role/r" && output.logs["relay"] == null && output.deployment.method == "cluster"
    error_message = "The outputs must say where the cell is."
  }
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.cell.dashboard_body, "AWS/ECS") && !strcontains(aws_cloudwatch_dashboard.cell.dashboard_body, "AWS/ApiGateway") && strcontains(aws_cloudwatch_dashboard.cell.dashboard_body, "AWS/SQS")
    error_message = "The dashboard must show what there is."
  }
}

run "one_more_consumer_in_containers" {
  command = plan

  variables {
    topology = {
      http  = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers = [
        { name = "rollups", effects = "derived", types = ["io.polycell.reading.v1"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 },
        { name = "alerts", effects = "home-only", types = ["io.polycell.alarm.v1"], batchSize = 10, batchWindowSeconds = 0, timeoutSeconds = 5, memoryMegabytes = 256, maximumConcurrency = 2, visibilitySeconds = 30, maximumDeliveries = 50 },
      ]
      deadLetterRetentionDays = 14
    }
  }

  assert {
    condition     = aws_ecs_service.part["alerts"].name == "aws-test-alerts" && aws_appautoscaling_target.part["alerts"].min_capacity == 1 && contains(keys(aws_iam_role_policy.task), "alerts") && contains(keys(aws_iam_role_policy.start), "alerts") && contains(keys(aws_cloudwatch_metric_alarm.stopped), "alerts") && contains(keys(aws_cloudwatch_log_metric_filter.errors), "alerts")
    error_message = "A consumer must get its service, its roles, its scaling and its alarms."
  }
}
